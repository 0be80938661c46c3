// Several threads: what it costs that they are allowed where one runs, and what two of them bring.
#include <string>

#include "by_hand.hpp"
#include "harness.hpp"
#include "ours.hpp"

namespace bench {
namespace {

constexpr std::size_t bound = 1000;

void add_allowed(Programme& programme, const std::string& kind, JobFunction<Any> job) {
  for (const bool multi : {false, true})
    programme.scenarios.push_back(
        {(multi ? "multi_" : "single_") + kind, 500'000,
         [=](std::size_t n) { ours::submit<Any>(n, bound, job, 1, multi); }});
  programme.rows.push_back({"several threads allowed, one running, " + kind + " jobs",
                            "multi_" + kind, "single_" + kind, 1.6});
}

void add_two_threads(Programme& programme) {
  const auto make_job = [] {
    return [steps = steps_in(std::chrono::microseconds(2))](int i) {
      return working_job<Any>(i, steps);
    };
  };
  for (const int threads : {1, 2}) {
    const std::string key = "_on_" + std::to_string(threads);
    programme.scenarios.push_back(
        {"ours" + key, 200'000,
         [=](std::size_t n) { ours::submit<Any>(n, bound, make_job(), threads, true); }, true});
    programme.scenarios.push_back(
        {"floor" + key, 200'000,
         [=](std::size_t n) { by_hand::floor_on_threads(n, bound, make_job(), threads); }, true});
  }
  const std::string what = "two threads over one, jobs of 2 us: ";
  programme.rows.push_back({what + "ours", "ours_on_2", "ours_on_1", 1.8, Compare::speedup});
  programme.rows.push_back(
      {what + "plain coroutines on strands", "floor_on_2", "floor_on_1", 0, Compare::speedup});
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  Programme programme;
  add_allowed(programme, "yield", yielding_job<Any>);
  add_allowed(programme, "plain", plain_job<Any>);
  add_two_threads(programme);
  return run_main(programme, argc, argv);
}
