// What it takes in memory, and how often the system's allocator is asked. Bytes are those in use in the
// heap, with what malloc adds; a figure is a difference between two moments of one thread.
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cmath>
#include <memory>
#include <string>

#include "by_hand_stream.hpp"
#include "every_way.hpp"
#include "harness.hpp"
#include "heap.hpp"

namespace bench {
namespace {

// Each figure has a thread of its own, so that the caches by thread, Asio's and ours, are empty.
template <class Measure>
auto in_thread(Measure measure) {
  return [measure] {
    double value = 0;
    std::jthread([&] { value = measure(); }).join();
    return value;
  };
}

double bytes_since(std::size_t before) { return static_cast<double>(heap().bytes - before); }

// An awaited wait that ends only when the timer is cancelled.
asio::awaitable<int> waiting_job(int i, asio::steady_timer& timer, std::size_t& started) {
  ++started;
  boost::system::error_code ec;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  co_return i;
}

constexpr std::size_t active_jobs = 10'000;

double active_job(bool by_hand) {
  double bytes = 0;
  std::size_t started = 0;
  const auto body = [&](ours::Executor<Any>& executor) -> asio::awaitable<void> {
    asio::steady_timer never(co_await asio::this_coro::executor,
                             asio::steady_timer::time_point::max());
    const auto job = [&](int i) { return waiting_job(i, never, started); };
    const std::size_t before = heap().bytes;
    for (std::size_t i = 0; i < active_jobs; ++i)
      if (by_hand)
        asio::co_spawn(co_await asio::this_coro::executor, job(static_cast<int>(i)),
                       [](std::exception_ptr, int) {});
      else executor.submit_nowait(job, static_cast<int>(i));
    while (started < active_jobs) co_await asio::post(asio::use_awaitable);
    bytes = bytes_since(before) / active_jobs;
    never.cancel();
    co_await executor.join();
  };
  ours::in_executor<Any>(active_jobs, body);
  return bytes;
}

constexpr std::size_t queued_jobs = 500'000;

double queued_job() {
  double bytes = 0;
  const auto body = [&](ours::Pool<Any>& pool) -> asio::awaitable<void> {
    const std::size_t before = heap().bytes;
    const auto coro = [] {
      return plain_job<Any>(1);
    };  // nothing captured: no bytes of the job's own
    for (std::size_t i = 0; i < queued_jobs; ++i) pool.spawn_n(coro);
    bytes = bytes_since(before) / queued_jobs;
    co_await pool.join();
  };
  ours::in_pool<Any>(1000, body);
  return bytes;
}

double queued_by_hand() {
  double bytes = 0;
  std::size_t before = 0;
  const auto job = [&](int i) -> asio::awaitable<int> {
    if (i == 0) bytes = bytes_since(before) / queued_jobs;  // all others have been spawned and wait
    co_return i;
  };
  run_context<Any>([&] {
    before = heap().bytes;
    return by_hand::all_at_once<Any>(queued_jobs, 1, job);
  });
  return bytes;
}

double queued_floor() {
  std::vector<asio::awaitable<int>> coroutines;
  coroutines.reserve(queued_jobs);
  const std::size_t before = heap().bytes;
  for (std::size_t i = 0; i < queued_jobs; ++i)
    coroutines.push_back(plain_job<Any>(static_cast<int>(i)));
  return bytes_since(before) / queued_jobs + sizeof(asio::awaitable<int>);
}

// An executor in a context that has others: before its first job, and after `jobs` of them, `workers`
// at once.
double executor_bytes(std::size_t workers) {
  constexpr std::size_t count = 200;
  double bytes = 0;
  const auto body = [&](ours::Executor<Any>&) -> asio::awaitable<void> {
    const Any here = co_await asio::this_coro::executor;
    std::vector<std::unique_ptr<ours::Executor<Any>>> executors(count);
    const std::size_t before = heap().bytes;
    for (auto& executor : executors) {
      const coroexec::ExecutorOptions options{.threading = ours::Threading::single};
      executor = std::make_unique<ours::Executor<Any>>(here, options);
      for (std::size_t i = 0; i < workers; ++i) executor->submit_nowait(yielding_job<Any>, 1);
      co_await executor->join();
    }
    bytes = bytes_since(before) / count;
  };
  ours::in_executor<Any>(10, body);
  return bytes;
}

// Twice as many jobs: what is asked for beyond that is what a job costs once everything is running.
template <class Run>
double calls_per_job(Run run) {
  constexpr std::size_t jobs = 100'000;
  const auto calls = [&](std::size_t n) {
    const std::size_t before = heap().calls;
    run(n);
    return static_cast<double>(heap().calls - before);
  };
  const double once = calls(jobs);
  return (calls(2 * jobs) - once) / jobs;
}

template <class Run>
double peak_bytes(Run run) {
  const std::size_t before = heap().bytes;
  reset_heap_peak();
  run();
  return static_cast<double>(heap().peak - before);
}

void add_bytes(Programme& programme) {
  const auto add = [&](const std::string& what, auto measure, double limit = -1) {
    const auto whole_bytes = [measure] { return std::round(measure()); };
    programme.figures.push_back({what, "bytes", in_thread(whole_bytes), limit});
  };
  add("the engine itself",
      [] { return static_cast<double>(sizeof(coroexec::detail::BasicEngine<Any>)); });
  add("an executor that had no job yet", [] { return executor_bytes(0); });
  add("an idle executor that had one job", [] { return executor_bytes(1); });
  add("an idle executor that had 100 jobs at once", [] { return executor_bytes(100); });
  add("a job that waits for a timer: ours", [] { return active_job(false); });
  add("a job that waits for a timer: co_spawn", [] { return active_job(true); });
  const auto submit = [](std::size_t jobs, std::size_t bound) {
    return [=] { return peak_bytes([=] { ours::submit<Any>(jobs, bound, yielding_job<Any>); }); };
  };
  for (const std::size_t bound : {100u, 1000u, 10'000u})
    add("peak of 100000 submitted jobs, W = " + std::to_string(bound), submit(100'000, bound));
  add("peak of 1000000 submitted jobs, W = 1000", submit(1'000'000, 1000));
  add("a queued job: ours", queued_job, 160);
  add("a queued job: by hand", queued_by_hand);
  add("a queued job: the coroutine alone", queued_floor);
}

void add_calls(Programme& programme) {
  constexpr std::size_t bound = 1000;
  const auto add = [&](const std::string& what, auto run, double limit) {
    programme.figures.push_back({"steady state, " + what, "allocator calls a job",
                                 in_thread([run] { return calls_per_job(run); }), limit});
  };
  const double none = 0.001;  // of a hundred thousand jobs, a hundred: what grows once
  for (auto& way : ours::every_way(bound, 0)) add(way.name, way.run, none);
  const JobFunction<Any> job = yielding_job<Any>;
  const auto form = [&](const std::string& what, auto run) {
    add(
        "by hand: " + what,
        [=](std::size_t n) { run_context<Any>([=] { return run(n, bound, job); }); }, -1);
  };
  form("typical", by_hand::typical<Any, JobFunction<Any>>);
  form("skilled", by_hand::skilled<Any, JobFunction<Any>>);
  form("typical map", by_hand::typical_map<Any, JobFunction<Any>>);
  add(
      "the floor", [=](std::size_t n) { by_hand::floor<Any>(n, bound, job); }, -1);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::Programme programme;
  if (bench::heap_is_counted) {
    bench::add_bytes(programme);
    bench::add_calls(programme);
  }
  return bench::run_main(programme, argc, argv);
}
