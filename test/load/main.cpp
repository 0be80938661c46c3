// coroexec_load: very many jobs from an input that is never there as a whole, through every way that takes one.
// Each job is counted when it runs and when its result is read, and memory must not grow with their number.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <ranges>
#include <string>
#include <vector>

#include "coroexec/coroexec.hpp"

#if __has_include(<sys/resource.h>)
#include <sys/resource.h>
#endif

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using coroexec::AioPool;
using coroexec::CoroutineExecutor;

// The most this process has ever used; 0 where it cannot be had.
std::size_t peak_kilobytes() {
#if __has_include(<sys/resource.h>)
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss);
#else
  return 0;
#endif
}

// What is expected is known without doing the jobs: the sum of 0 … n-1.
struct Count {
  std::uint64_t ran = 0, ran_sum = 0;
  std::uint64_t read = 0, read_sum = 0;
  std::size_t active = 0, peak = 0;
  std::size_t memory_early = 0;  // after a tenth of the jobs

  bool holds(std::uint64_t jobs, bool results_are_read) const {
    const std::uint64_t sum = jobs * (jobs - 1) / 2;
    return ran == jobs && ran_sum == sum && (!results_are_read || (read == jobs && read_sum == sum));
  }
};

struct Load {
  std::uint64_t jobs;
  std::size_t workers;
  Count count;

  // The first jobs wait for one another, so that as many as may be are at work at once.
  awaitable<std::uint64_t> job(std::uint64_t i) {
    count.peak = std::max(count.peak, ++count.active);
    while (count.peak < workers && count.ran == 0) co_await coroexec::sleep_for(std::chrono::milliseconds(1));
    co_await coroexec::this_task::yield();
    --count.active;
    count.ran_sum += i;
    if (++count.ran == jobs / 10) count.memory_early = peak_kilobytes();
    co_return i;
  }
  auto call() {
    return [this](std::uint64_t i) { return job(i); };
  }
  auto input() const { return std::views::iota(std::uint64_t{0}, jobs); }
  void read(std::uint64_t value) {
    ++count.read;
    count.read_sum += value;
  }

  awaitable<void> submit() {
    const auto body = [this](CoroutineExecutor& executor) -> awaitable<void> {
      for (const auto i : input()) co_await executor.submit(call(), i);
    };
    co_await coroexec::with_executor({.max_workers = workers}, body);
  }
  awaitable<void> map() {
    const auto body = [this](CoroutineExecutor& executor) -> awaitable<void> {
      auto results = executor.map(call(), input());
      while (auto value = co_await results.next()) read(*value);
    };
    co_await coroexec::with_executor({.max_workers = workers}, body);
  }
  awaitable<void> concurrent() {
    auto results = coroexec::concurrent(input() | std::views::transform(call()), {.limit = static_cast<std::ptrdiff_t>(workers)});
    while (auto value = co_await results.next()) read(*value);
  }
  awaitable<void> itermap() {
    const auto body = [this](AioPool& pool) -> awaitable<void> {
      auto results = pool.itermap(call(), input());
      while (auto outcome = co_await results.next()) read(outcome->value());
    };
    co_await coroexec::with_pool({.size = workers}, body);
  }
  // Takes all of them at once: the one way whose memory is that of its queue.
  awaitable<void> spawn_n() {
    const auto body = [this](AioPool& pool) -> awaitable<void> {
      for (const auto i : input()) pool.spawn_n(std::bind_front(&Load::job, this, i));
      co_return;
    };
    co_await coroexec::with_pool({.size = workers}, body);
  }
};

struct Way {
  const char* name;
  awaitable<void> (Load::*run)();
  bool reads;
  bool constant_memory;
};
constexpr Way ways[] = {
    {"submit", &Load::submit, false, true},    {"map", &Load::map, true, true},
    {"concurrent", &Load::concurrent, true, true}, {"itermap", &Load::itermap, true, true},
    {"spawn_n", &Load::spawn_n, false, false},
};

bool run_way(const Way& way, std::uint64_t jobs, std::size_t workers) {
  constexpr std::size_t may_grow = 4096;  // kilobytes, from a tenth of the jobs on
  Load load{jobs, workers, {}};
  const auto begin = std::chrono::steady_clock::now();
  coroexec::run([&] { return (load.*way.run)(); });
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  const std::size_t peak = peak_kilobytes(), grown = peak - std::min(peak, load.count.memory_early);
  const bool counted = load.count.holds(jobs, way.reads) && load.count.peak == workers;
  const bool constant = !way.constant_memory || grown <= may_grow;
  std::printf("%-10s %llu jobs, %zu at once at most, %.1f s, %.0f ns a job, %.1f MB at most, %.1f MB more than after a tenth%s%s\n",
              way.name, static_cast<unsigned long long>(load.count.ran), load.count.peak, taken.count(),
              taken.count() * 1e9 / static_cast<double>(jobs), static_cast<double>(peak) / 1024,
              static_cast<double>(grown) / 1024, counted ? "" : ": NOT EACH ONCE", constant ? "" : ": IT GROWS");
  std::fflush(stdout);
  return counted && constant;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs very many jobs in each way there is, counts them and looks at the memory", "coroexec_load");
  std::uint64_t jobs = 10'000'000;
  std::size_t workers = 10'000;
  std::vector<std::string> names;
  app.add_option("--jobs", jobs, "How many in each way")->capture_default_str()->check(CLI::Range(10u, 1'000'000'000u));
  app.add_option("--workers", workers, "How many at once")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("ways", names, "submit, map, concurrent, itermap, spawn_n; all if none is given");
  CLI11_PARSE(app, argc, argv);
  bool good = true;
  for (auto& way : ways)
    if (names.empty() || std::ranges::find(names, way.name) != names.end()) good &= run_way(way, jobs, workers);
  return good ? 0 : 1;
}
