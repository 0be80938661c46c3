// Jobs handed in one by one, the submitter waiting for room: `submit` and `spawn` beside a channel and a
// co_spawn per job.
#include <coroexec/aio_pool.hpp>
#include <coroexec/coroutine_executor.hpp>
#include <string>
#include <vector>

#include "by_hand.hpp"
#include "harness.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
using coroexec::Threading;

// The handle is dropped: an error ends the scope, a result is the job's own affair.
template <class Ex, class Job>
void submit(std::size_t jobs, std::size_t bound, Job job) {
  const auto body =
      [&](coroexec::BasicCoroutineExecutor<Ex>& executor) -> asio::awaitable<void, Ex> {
    for (std::size_t i = 0; i < jobs; ++i) co_await executor.submit(job, static_cast<int>(i));
  };
  run_context<Ex>([&]() -> asio::awaitable<void, Ex> {
    co_await coroexec::with_executor<Ex>({.max_workers = bound, .threading = Threading::single},
                                         body);
  });
}

// The submitter keeps as many handles as jobs can be in hand, and reads each result once it is there.
template <class Ex, class Job>
void submit_and_read(std::size_t jobs, std::size_t bound, Job job) {
  const auto body =
      [&](coroexec::BasicCoroutineExecutor<Ex>& executor) -> asio::awaitable<void, Ex> {
    std::vector<coroexec::BasicTask<int, Ex>> tasks(2 * bound + 64);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < jobs; ++i) {
      auto& task = tasks[i % tasks.size()];
      if (i >= tasks.size()) {
        if (!task.done()) co_await task.wait();
        sum += task.result();
      }
      task = co_await executor.submit(job, static_cast<int>(i));
    }
    co_await executor.join();
    for (std::size_t i = 0; i < std::min(jobs, tasks.size()); ++i) sum += tasks[i].result();
    if (sum != static_cast<std::int64_t>(jobs * (jobs - 1) / 2))
      throw std::runtime_error("wrong sum");
  };
  run_context<Ex>([&]() -> asio::awaitable<void, Ex> {
    co_await coroexec::with_executor<Ex>({.max_workers = bound, .threading = Threading::single},
                                         body);
  });
}

template <class Ex, class Job>
void spawn(std::size_t jobs, std::size_t bound, Job job) {
  const auto body = [&](coroexec::BasicAioPool<Ex>& pool) -> asio::awaitable<void, Ex> {
    for (std::size_t i = 0; i < jobs; ++i) {
      auto coro = [job, i] { return job(static_cast<int>(i)); };
      co_await pool.spawn(coro);
    }
  };
  run_context<Ex>([&]() -> asio::awaitable<void, Ex> {
    co_await coroexec::with_pool<Ex>({.size = bound, .threading = Threading::single}, body);
  });
}

template <class Ex>
void add_group(Programme& programme, const std::string& kind, asio::awaitable<int, Ex> (*job)(int),
               std::size_t bound, const std::string& executor, double limit) {
  const std::string key = "_" + kind + "_w" + std::to_string(bound) + executor;
  constexpr std::size_t jobs = 1'000'000;
  const auto add = [&](const std::string& name, auto run) {
    programme.scenarios.push_back({name + key, jobs, [=](std::size_t n) { run(n, bound, job); }});
  };
  using Job = decltype(job);
  add("typical", [](std::size_t n, std::size_t w, Job j) {
    run_context<Ex>([=] { return by_hand::typical<Ex>(n, w, j); });
  });
  add("skilled", [](std::size_t n, std::size_t w, Job j) {
    run_context<Ex>([=] { return by_hand::skilled<Ex>(n, w, j); });
  });
  add("ours", [](std::size_t n, std::size_t w, Job j) { submit<Ex>(n, w, j); });
  add("read", [](std::size_t n, std::size_t w, Job j) { submit_and_read<Ex>(n, w, j); });
  add("spawn", [](std::size_t n, std::size_t w, Job j) { spawn<Ex>(n, w, j); });
  add("floor", [](std::size_t n, std::size_t w, Job j) { by_hand::floor<Ex>(n, w, j); });

  const std::string what =
      kind + ", W = " + std::to_string(bound) + (executor.empty() ? "" : ", concrete executor");
  programme.rows.push_back({"submit, " + what, "ours" + key, "skilled" + key, limit});
  programme.rows.push_back({"submit, each result read, " + what, "read" + key, "skilled" + key, 0});
  programme.rows.push_back({"spawn, " + what, "spawn" + key, "skilled" + key, limit});
  programme.rows.push_back(
      {"submit over the typical form, " + what, "ours" + key, "typical" + key, 0});
  programme.rows.push_back({"submit over the floor, " + what, "ours" + key, "floor" + key, 0});
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  using Any = asio::any_io_executor;
  using Concrete = asio::io_context::executor_type;
  Programme programme;
  add_group<Any>(programme, "yield", yielding_job<Any>, 1000, "", 0.45);
  add_group<Any>(programme, "yield", yielding_job<Any>, 10, "", 0.50);
  add_group<Any>(programme, "plain", plain_job<Any>, 1000, "", 0.20);
  // The contract's figure is for Boost 1.92; on others it is shown for comparison.
  add_group<Concrete>(programme, "yield", yielding_job<Concrete>, 1000, "_concrete",
                      BOOST_VERSION >= 109200 ? 0.40 : 0);
  add_group<Concrete>(programme, "plain", plain_job<Concrete>, 1000, "_concrete", 0);
  return run_main(programme, argc, argv);
}
