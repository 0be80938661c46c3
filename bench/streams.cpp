// Streams of results, the reader takes a million: ordered `map` beside the same by hand, and the
// unordered streams beside `map`.
#include <string>

#include "by_hand_stream.hpp"
#include "harness.hpp"
#include "our_streams.hpp"

namespace bench {
namespace {

template <class Ex>
void add_group(Programme& programme, const std::string& kind, JobFunction<Ex> job, double limit) {
  constexpr std::size_t jobs = 1'000'000, bound = 1000;
  const bool concrete = std::is_same_v<Ex, Concrete>;
  const std::string key = "_" + kind + (concrete ? "_concrete" : "");
  const auto add = [&](const std::string& name, auto run) {
    programme.scenarios.push_back({name + key, jobs, run});
  };
  add("typical", [=](std::size_t n) {
    run_context<Ex>([=] { return by_hand::typical_map<Ex>(n, bound, job); });
  });
  add("skilled", [=](std::size_t n) {
    run_context<Ex>([=] { return by_hand::skilled_map<Ex>(n, bound, job); });
  });
  add("map", [=](std::size_t n) { ours::map<Ex>(n, bound, job); });
  add("map_unordered", [=](std::size_t n) { ours::map_unordered<Ex>(n, bound, job); });
  add("itermap", [=](std::size_t n) { ours::itermap<Ex>(n, bound, job); });
  add("concurrent", [=](std::size_t n) { ours::concurrent<Ex>(n, bound, job); });
  add("floor", [=](std::size_t n) { by_hand::floor<Ex>(n, bound, job); });

  const std::string what = (kind == "yield" ? ", one yield" : ", no yield") +
                           std::string(concrete ? ", concrete executor" : "");
  const auto row = [&](const std::string& work, const std::string& a, const std::string& b,
                       double most) {
    programme.rows.push_back({work + what, a + key, b + key, most});
  };
  row("map, ordered", "map", "typical", limit);
  row("map over skilled", "map", "skilled", 0);
  for (const std::string name : {"map_unordered", "itermap", "concurrent"})
    row(name + " over map", name, "map", concrete ? 0 : 1);
  row("map over the floor", "map", "floor", 0);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  Programme programme;
  add_group<Any>(programme, "yield", yielding_job<Any>, 0.38);
  add_group<Any>(programme, "plain", plain_job<Any>, 0);
  add_group<Concrete>(programme, "yield", yielding_job<Concrete>, 0);
  return run_main(programme, argc, argv);
}
