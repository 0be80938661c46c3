// A million jobs queued at once, then run: `spawn_n` beside a waiting coroutine for each. What a queued
// job takes in memory is in memory.cpp.
#include <string>

#include "by_hand.hpp"
#include "harness.hpp"
#include "ours.hpp"

namespace bench {
namespace {

void add_group(Programme& programme, const std::string& kind, JobFunction<Any> job, double limit) {
  constexpr std::size_t jobs = 1'000'000, bound = 1000;
  programme.scenarios.push_back({"typical_" + kind, jobs, [=](std::size_t n) {
                                   run_context<Any>(
                                       [=] { return by_hand::all_at_once<Any>(n, bound, job); });
                                 }});
  programme.scenarios.push_back(
      {"ours_" + kind, jobs, [=](std::size_t n) { ours::spawn_n<Any>(n, bound, job); }});
  // As many coroutines that nobody has started yet, awaited one after the other by the workers.
  programme.scenarios.push_back({"floor_" + kind, jobs, [=](std::size_t n) {
                                   std::vector<asio::awaitable<int>> queue;
                                   queue.reserve(n);
                                   for (std::size_t i = 0; i < n; ++i)
                                     queue.push_back(job(static_cast<int>(i)));
                                   by_hand::floor<Any>(n, bound, [&](int i) {
                                     return std::move(queue[static_cast<std::size_t>(i)]);
                                   });
                                 }});
  const std::string what = kind == "yield" ? ", one yield, W = 1000" : ", no yield, W = 1000";
  programme.rows.push_back({"spawn_n, a million" + what, "ours_" + kind, "typical_" + kind, limit});
  programme.rows.push_back({"spawn_n over the floor" + what, "ours_" + kind, "floor_" + kind, 0});
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  Programme programme;
  add_group(programme, "plain", plain_job<Any>, 0.12);
  add_group(programme, "yield", yielding_job<Any>, 0);
  return run_main(programme, argc, argv);
}
