// coroexec_threads: four plain threads that submit, cancel, wait, drop, join and shut down, all at once, on one
// executor whose jobs run on four others. Jobs are counted in and out, and every waiter with them.
#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <cstdio>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "coroexec/coroexec.hpp"

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using coroexec::CoroutineExecutor;
using coroexec::Task;

constexpr int thread_count = 4;

struct Totals {
  std::atomic<std::uint64_t> accepted = 0, refused = 0, begun = 0, ended = 0, alive = 0;
  std::atomic<std::uint64_t> watched = 0, told = 0, joined = 0;
};

// Counts whoever holds it.
class Counted {
 public:
  explicit Counted(std::atomic<std::uint64_t>& alive) : alive_(&alive) { ++*alive_; }
  Counted(const Counted& other) : alive_(other.alive_) { ++*alive_; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --*alive_; }

 private:
  std::atomic<std::uint64_t>* alive_;
};

class Round {
 public:
  Round(std::uint64_t seed, Totals& totals) : seed_(seed), totals_(totals) {
    std::minstd_rand random(static_cast<unsigned>(seed));
    workers_ = 1 + random() % 8;
    suppress_ = random() % 4 != 0;
  }

  // What was wrong; empty if nothing.
  std::string run() {
    asio::thread_pool pool(thread_count);
    {
      CoroutineExecutor executor(pool.get_executor(), {.max_workers = workers_, .suppress_task_errors = suppress_,
                                                       .threading = coroexec::Threading::multi});
      std::vector<std::thread> threads;
      for (int i = 0; i < thread_count; ++i) threads.emplace_back([&, i] { race(executor, i); });
      for (auto& thread : threads) thread.join();
      const auto join = [&]() -> awaitable<void> { co_await executor.join(); };
      wait_for(asio::co_spawn(pool, join, asio::use_future));
      check(executor);
    }
    pool.join();
    require(totals_.alive == 0, "an argument or a result still lives");
    require(totals_.begun == totals_.ended, "a job's code was left open");
    require(totals_.watched == totals_.told, "a waiter was not told, or told twice");
    return wrong_;
  }

 private:
  void require(bool holds, const char* rule) {
    if (!holds && wrong_.empty()) wrong_ = rule;
  }

  // The scope's error is whoever's: one of the threads', or nobody's.
  void wait_for(std::future<void> end) {
    try {
      end.get();
    } catch (const std::exception&) {
    }
    ++totals_.joined;
  }

  awaitable<Counted> job(int kind, Counted argument) {
    ++totals_.begun;
    const struct Ended {
      Totals& totals;
      ~Ended() { ++totals.ended; }
    } ended{totals_};
    if (kind == 1) co_await coroexec::this_task::yield();
    if (kind == 2) co_await coroexec::sleep_for(std::chrono::microseconds(50));
    if (kind == 3) throw std::runtime_error("a job fails");
    co_return argument;
  }

  // A handle is for one thread; the job is for all.
  void race(CoroutineExecutor& executor, int thread) {
    std::minstd_rand random(static_cast<unsigned>(seed_ * thread_count + static_cast<unsigned>(thread) + 1));
    auto& own = tasks_[static_cast<std::size_t>(thread)];
    std::vector<std::future<void>> ends;
    const auto some_task = [&]() -> Task<Counted>& { return own[random() % own.size()]; };
    const auto call = [this](int kind, Counted argument) { return job(kind, std::move(argument)); };
    for (int step = 0; step < 200; ++step) {
      const auto what = random() % 100;
      if (what < 50 || own.empty()) {
        const int kind = static_cast<int>(random() % (suppress_ ? 4 : 3));
        try {
          own.push_back(executor.submit_nowait(call, kind, Counted(totals_.alive)));
          ++totals_.accepted;
        } catch (const boost::system::system_error&) {
          ++totals_.refused;
        }
      } else if (what < 65) {
        some_task().cancel();
      } else if (what < 80) {
        ++totals_.watched;
        some_task().async_wait(asio::bind_executor(executor.get_executor(), [this](boost::system::error_code) { ++totals_.told; }));
      } else if (what < 90) {
        own.erase(own.begin() + static_cast<std::ptrdiff_t>(random() % own.size()));
      } else if (what < 94) {
        const auto stats = executor.stats();
        require(stats.active <= workers_, "more jobs are active than the bound");
      } else if (what < 97) {
        const auto join = [&executor]() -> awaitable<void> { co_await executor.join(); };
        ends.push_back(asio::co_spawn(executor.get_executor(), join, asio::use_future));
      } else if (what < 98 && step > 180) {
        const bool wait = random() % 2 == 0;
        const auto shut = [&executor, wait]() -> awaitable<void> { co_await executor.shutdown(wait); };
        ends.push_back(asio::co_spawn(executor.get_executor(), shut, asio::use_future));
      }
    }
    for (auto& end : ends) wait_for(std::move(end));
  }

  void check(const CoroutineExecutor& executor) {
    for (auto& tasks : tasks_) {
      for (auto& task : tasks) require(task.done(), "a job is not done after the join");
      tasks.clear();
    }
    const auto stats = executor.stats();
    done_ = stats.done();
    require(stats.active + stats.queued + stats.waiting == 0, "something is left after the join");
  }

 public:
  std::uint64_t done_ = 0;

 private:
  const std::uint64_t seed_;
  Totals& totals_;
  std::size_t workers_ = 1;
  bool suppress_ = true;
  std::array<std::vector<Task<Counted>>, thread_count> tasks_;
  std::string wrong_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Lets threads race on one executor, round after round, and counts jobs in and out", "coroexec_threads");
  std::uint64_t rounds = 100, first = 1;
  std::chrono::seconds time{};
  app.add_option("--rounds", rounds, "How many")->capture_default_str();
  app.add_option("--first", first, "The seed of the first round")->capture_default_str();
  app.add_option("--for", time, "As many as fit in so many seconds instead");
  CLI11_PARSE(app, argc, argv);
  Totals totals;
  const auto begin = std::chrono::steady_clock::now();
  const auto goes_on = [&](std::uint64_t n) { return time.count() ? std::chrono::steady_clock::now() < begin + time : n < rounds; };
  std::uint64_t done = 0, n = 0;
  for (; goes_on(n); ++n) {
    Round round(first + n, totals);
    std::string wrong = round.run();
    done += round.done_;
    if (wrong.empty() && done != totals.accepted) wrong = "not every accepted job has ended once";
    if (wrong.empty()) continue;
    std::printf("round %llu: %s\n", static_cast<unsigned long long>(first + n), wrong.c_str());
    return 1;
  }
  std::printf("%llu rounds: %llu jobs accepted, %llu ended, %llu refused, %llu begun and left, %llu waiters told, %llu joins\n",
              static_cast<unsigned long long>(n), static_cast<unsigned long long>(totals.accepted.load()),
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(totals.refused.load()),
              static_cast<unsigned long long>(totals.begun.load()), static_cast<unsigned long long>(totals.told.load()),
              static_cast<unsigned long long>(totals.joined.load()));
  return 0;
}
