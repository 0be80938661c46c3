// A program of a user, by which each way of getting the library is tried. It prints the version its headers are of.
#include <coroexec/config.hpp>
#include <coroexec/coroutine_executor.hpp>
#include <coroexec/error.hpp>
#include <coroexec/run.hpp>
#include <cstdlib>
#include <iostream>

using boost::asio::awaitable;

awaitable<int> square(int i) { co_return i * i; }

awaitable<int> sum_of_squares() {
  auto body = [](coroexec::CoroutineExecutor& executor) -> awaitable<int> {
    auto first = co_await executor.submit(square, 3);
    auto second = executor.submit_nowait(square, 4);
    co_return co_await first.get() + co_await second.get();
  };
  co_return co_await coroexec::with_executor({.max_workers = 2}, body);
}

awaitable<void> fail_twice() {
  auto body = [](coroexec::CoroutineExecutor& executor) -> awaitable<void> {
    auto fail = []() -> awaitable<void> { throw std::runtime_error("meant"); co_return; };
    executor.submit_nowait(fail);
    executor.submit_nowait(fail);
    co_return;
  };
  co_await coroexec::with_executor({.on_error = coroexec::ErrorPolicy::collect}, body);
}

int main() {
  if (coroexec::run(sum_of_squares()) != 25) return EXIT_FAILURE;
  try {
    coroexec::run(fail_twice());
    return EXIT_FAILURE;
  } catch (const coroexec::TaskGroupError& error) {  // thrown in the library, known here as what it is
    if (error.errors().size() != 2) return EXIT_FAILURE;
  }
  std::cout << "coroexec " << COROEXEC_VERSION_MAJOR << '.' << COROEXEC_VERSION_MINOR << '.' << COROEXEC_VERSION_PATCH
            << " works\n";
  return EXIT_SUCCESS;
}
