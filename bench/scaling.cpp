// Does the cost of a job stay the same: from W = 1 to 100,000, from a thousand to ten million jobs, with
// a thousand engines in one context, with more work in each job, with a second thread? And who waits.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "by_hand.hpp"
#include "harness.hpp"
#include "ours.hpp"

namespace bench {
namespace {

using std::chrono::microseconds;

void add_bounds(Programme& programme) {
  const JobFunction<Any> job = yielding_job<Any>;
  for (const std::size_t bound : {1u, 10u, 100u, 1000u, 10'000u, 100'000u}) {
    const std::string key = "_w" + std::to_string(bound);
    programme.scenarios.push_back(
        {"ours" + key, 500'000, [=](std::size_t n) { ours::submit<Any>(n, bound, job); }});
    programme.scenarios.push_back({"skilled" + key, 500'000, [=](std::size_t n) {
                                     run_context<Any>(
                                         [=] { return by_hand::skilled<Any>(n, bound, job); });
                                   }});
    programme.rows.push_back(
        {"submit over skilled, W = " + std::to_string(bound), "ours" + key, "skilled" + key, 0});
  }
}

void add_counts(Programme& programme) {
  const JobFunction<Any> job = yielding_job<Any>;
  const auto name = [](std::size_t jobs) { return "ours_n" + std::to_string(jobs); };
  for (const std::size_t jobs : {1000u, 10'000u, 100'000u, 1'000'000u, 10'000'000u})
    programme.scenarios.push_back(
        {name(jobs), jobs, [=](std::size_t n) { ours::submit<Any>(n, 1000, job); }});
  programme.rows.push_back(
      {"ten million jobs over a hundred thousand", name(10'000'000), name(100'000), 1.1});
  programme.rows.push_back(
      {"a thousand jobs over a hundred thousand", name(1000), name(100'000), 0});
}

// Many executors at once, each with a submitter of its own and `jobs` of the jobs. `progress` is told
// after each job whose it was.
template <class Progress>
void run_engines(std::size_t engines, std::size_t jobs, std::size_t bound, Progress progress) {
  asio::io_context context(1);
  const auto scope = [&](std::size_t engine) -> asio::awaitable<void> {
    const auto job = [&, engine](int i) -> asio::awaitable<int> {
      co_await yielding_job<Any>(i);
      progress(engine);
      co_return i;
    };
    const auto body = [&](ours::Executor<Any>& executor) -> asio::awaitable<void> {
      for (std::size_t i = 0; i < jobs; ++i) co_await executor.submit(job, static_cast<int>(i));
    };
    co_await coroexec::with_executor({.max_workers = bound, .threading = ours::Threading::single},
                                     body);
  };
  for (std::size_t i = 0; i < engines; ++i) asio::co_spawn(context, scope(i), rethrow);
  context.run();
}

void add_engines(Programme& programme) {
  for (const std::size_t engines : {1u, 1000u}) {
    programme.scenarios.push_back(
        {"engines_" + std::to_string(engines), 500'000, [=](std::size_t n) {
           run_engines(engines, n / engines, 10'000 / engines, [](std::size_t) {});
         }});
  }
  programme.scenarios.push_back(
      {"skilled_1000", 500'000, [](std::size_t n) {
         asio::io_context context(1);
         for (std::size_t i = 0; i < 1000; ++i)
           asio::co_spawn(context,
                          by_hand::skilled<Any, JobFunction<Any>>(n / 1000, 10, yielding_job<Any>),
                          rethrow);
         context.run();
       }});
  programme.rows.push_back(
      {"a thousand executors, W = 10, over as many by hand", "engines_1000", "skilled_1000", 0});
  programme.rows.push_back(
      {"a thousand executors, W = 10, over one, W = 10000", "engines_1000", "engines_1", 0});
}

void add_work(Programme& programme) {
  constexpr std::size_t bound = 1000;
  for (const int us : {0, 1, 10, 100}) {
    const std::size_t jobs = us == 0 ? 200'000 : 200'000 / static_cast<std::size_t>(us);
    const auto make_job = [us] {
      return [steps = steps_in(microseconds(us))](int i) { return working_job<Any>(i, steps); };
    };
    const std::string work = "_work" + std::to_string(us),
                      what = ", jobs of " + std::to_string(us) + " us";
    programme.scenarios.push_back(
        {"ours" + work, jobs, [=](std::size_t n) { ours::submit<Any>(n, bound, make_job()); }});
    programme.scenarios.push_back(
        {"floor" + work, jobs, [=](std::size_t n) { by_hand::floor<Any>(n, bound, make_job()); }});
    programme.rows.push_back({"submit over the floor" + what, "ours" + work, "floor" + work, 0});
    for (const int threads : {1, 2})
      programme.scenarios.push_back(
          {"ours" + work + "_on_" + std::to_string(threads), jobs,
           [=](std::size_t n) { ours::submit<Any>(n, bound, make_job(), threads, true); }, true});
    programme.rows.push_back({"two threads over one" + what, "ours" + work + "_on_2",
                              "ours" + work + "_on_1", 0, Compare::speedup});
  }
}

// The share that the last has when the first is done: 0 is perfectly fair, 1 is starved.
double behind(const std::vector<std::size_t>& progress) {
  const auto [least, most] = std::ranges::minmax(progress);
  return 1 - static_cast<double>(least) / static_cast<double>(most);
}

// A thousand jobs that yield again and again, handed in one after the other. Told are how many rounds
// the first has made when the last one starts, and how even they are from then on.
struct Rounds {
  double until_all_started = 0;
  double unfairness = 0;
};

Rounds thousand_jobs() {
  constexpr std::size_t workers = 1000, rounds = 200;
  std::vector<std::size_t> progress(workers);
  std::size_t started = 0;
  bool over = false;
  Rounds result;
  const auto job = [&](std::size_t i) -> asio::awaitable<void> {
    if (++started == workers) {
      result.until_all_started = static_cast<double>(progress[0]);
      std::ranges::fill(progress, 0);
    }
    while (!over) {
      co_await asio::post(asio::use_awaitable);
      if (++progress[i] == rounds && started == workers) over = true;
    }
  };
  const auto body = [&](ours::Executor<Any>& executor) -> asio::awaitable<void> {
    for (std::size_t i = 0; i < workers; ++i) co_await executor.submit(job, i);
  };
  ours::in_executor<Any>(workers, body);
  result.unfairness = behind(progress);
  return result;
}

double unfairness_of_engines() {
  constexpr std::size_t engines = 1000, jobs = 500;
  std::vector<std::size_t> progress(engines), when_first_was_done;
  run_engines(engines, jobs, 10, [&](std::size_t engine) {
    if (++progress[engine] == jobs && when_first_was_done.empty()) when_first_was_done = progress;
  });
  return behind(when_first_was_done);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  Programme programme;
  add_bounds(programme);
  add_counts(programme);
  add_engines(programme);
  add_work(programme);
  programme.figures.push_back({"rounds of the first of 1000 jobs until the last has started",
                               "rounds", [] { return thousand_jobs().until_all_started; }});
  programme.figures.push_back({"how far the slowest of 1000 jobs is behind the fastest", "share",
                               [] { return thousand_jobs().unfairness; }, 0.05});
  programme.figures.push_back({"how far the slowest of 1000 engines is behind the fastest", "share",
                               unfairness_of_engines, 0.05});
  return run_main(programme, argc, argv);
}
