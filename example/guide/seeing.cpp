// Looking at what runs: counts, times, the live tree, a trace, metrics.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using coroexec::CoroutineExecutor;

namespace asio = boost::asio;

static awaitable<void> fetch() { co_await coroexec::sleep_for(10ms); }

static awaitable<void> times_example() {
  const auto context = co_await asio::this_coro::executor;
  // [times]
  auto times = std::make_shared<coroexec::JobTimes>();
  coroexec::observe(context, times);                         // the scopes that are made from now on
  CoroutineExecutor executor(context, {.max_workers = 2});
  for (int i = 0; i < 4; ++i) executor.submit_nowait(fetch);
  co_await executor.join();

  const coroexec::Stats stats = executor.stats();            // these counts are there without an observer too
  std::cout << stats.done() << " done, " << stats.failed << " failed\n";
  std::cout << "99 of 100 waited at most " << times->waiting().percentile(99) / 1ms << " ms, the longest ran "
            << times->running().max() / 1ms << " ms\n";
  // [times]
  coroexec::observe(context, nullptr);
}

static awaitable<void> tree_example() {
  const auto context = co_await asio::this_coro::executor;
  auto body = [context](CoroutineExecutor& executor) -> awaitable<void> {
    executor.submit_nowait({.name = "first"}, fetch);
    executor.submit_nowait({.name = "second"}, fetch);
    co_await coroexec::sleep_for(1ms);
    // [dump]
    coroexec::dump(std::cout, context);
    // [dump]
  };
  co_await coroexec::with_executor({.max_workers = 1, .name = "crawler"}, body);
}

// [observer]
class Printer : public coroexec::Observer {
 public:
  void job_ended(const coroexec::TaskView& job) noexcept override {
    if (job.name.empty()) return;
    const auto file = std::filesystem::path(job.where.file).filename();
    std::cout << job.name << " handed in at " << file.string() << ':' << job.where.line << '\n';
  }
};
// [observer]

static awaitable<void> trace_example() {
  const auto context = co_await asio::this_coro::executor;
  std::ostringstream file;
  // [trace]
  auto trace = std::make_shared<coroexec::ChromeTrace>(file);
  auto printer = std::make_shared<Printer>();
  coroexec::observe(context, coroexec::observers({trace, printer}));
  auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit({.name = "first"}, fetch);
    co_await executor.submit(fetch);
  };
  co_await coroexec::with_executor({.name = "crawler"}, body);
  trace->close();                                            // now it is valid JSON
  // [trace]
  std::cout << file.str();
  // [metrics]
  std::ostringstream answer;                                 // to GET /metrics
  coroexec::open_metrics(answer, context);
  // [metrics]
  std::cout << answer.str();
}

static awaitable<void> run_all() {
  co_await times_example();
  co_await tree_example();
  co_await trace_example();
}

int main() { coroexec::run_in_virtual_time(run_all); }
