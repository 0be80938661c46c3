// Compiled with one REFUSED_… at a time, which must fail, and once with none.
#include <boost/asio.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coroexec/coroexec.hpp"

using namespace coroexec;
using boost::asio::awaitable;

awaitable<int> job() { co_return 1; }
awaitable<int> job_of(int n) { co_return n; }

awaitable<void> refused(CoroutineExecutor& executor, AioPool& pool) {
  const std::vector<int> input = {1, 2, 3};
#if defined(REFUSED_CALLBACK_WITHOUT_PARAMETERS)
  pool.spawn_n(job, []() -> awaitable<void> { co_return; });
#elif defined(REFUSED_CALLBACK_THAT_IS_NO_COROUTINE)
  pool.spawn_n(job, [](std::optional<int>) { return 1; });
#elif defined(REFUSED_INITIALIZER_OF_A_WRONG_TYPE)
  executor.set_initializer([](int) {}, std::string("not a number"));
#elif defined(REFUSED_JOB_THAT_IS_NO_COROUTINE)
  executor.submit_nowait([] { return 1; });
#elif defined(REFUSED_JOB_OF_WRONG_ARGUMENTS)
  executor.submit_nowait(job_of, std::string("not a number"));
#elif defined(REFUSED_JOB_THAT_GIVES_AN_EXCEPTION_PTR)
  executor.submit_nowait([]() -> awaitable<std::exception_ptr> { co_return nullptr; });
#elif defined(REFUSED_AWAITABLE_BY_REFERENCE)
  auto awaitable_by_reference = job();
  pool.spawn_n(awaitable_by_reference);
#elif defined(REFUSED_INPUT_THAT_IS_NONE)
  auto results = pool.itermap(job_of, 5);
#elif defined(REFUSED_GENERATOR_BODY_THAT_IS_NO_COROUTINE)
  auto stream = generate<int>([](Yield<int>) { return 1; });
#elif defined(REFUSED_TEMPORARY_THAT_GCC_12_DESTROYS_TWICE)
  auto owned = std::make_shared<int>(1);
  co_await executor.submit([owned]() -> awaitable<int> { co_return *owned; });
#endif
  executor.submit_nowait(job);
  co_await pool.map(job_of, input);
}
