// A program that stops while jobs run, wait and are queued: for a debugger to look at.
#include <csignal>

#include <coroexec/coroexec.hpp>

namespace asio = boost::asio;
using asio::awaitable;

// Where the debugger stops it.
extern "C" __attribute__((noinline)) void stopped_here() { std::raise(SIGTRAP); }

static awaitable<void> sleeps() { co_await coroexec::sleep_for(std::chrono::hours(1)); }

static awaitable<void> with_parts(coroexec::Task<> other) {
  co_await coroexec::gather(other.wait(), sleeps());
}

static awaitable<void> stuck(coroexec::CoroutineExecutor& executor) {
  auto first = executor.submit_nowait({.name = "first"}, sleeps);
  executor.submit_nowait({.name = "second"}, with_parts, first);
  executor.submit_nowait(sleeps);
  for (int i = 0; i < 10; ++i) co_await coroexec::this_task::yield();
  stopped_here();
  executor.cancel();
}

static awaitable<void> run_all() {
  const auto executor = co_await asio::this_coro::executor;
  coroexec::observe(executor, std::make_shared<coroexec::Observer>());
  try {
    co_await coroexec::with_executor({.max_workers = 2, .name = "crawler"}, stuck);
  } catch (const boost::system::system_error&) {
  }
}

int main() { coroexec::run(run_all()); }
