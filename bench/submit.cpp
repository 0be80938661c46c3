// Jobs handed in one by one, the submitter waiting for room: `submit` and `spawn` beside a channel and a
// co_spawn per job.
#include <string>

#include "by_hand.hpp"
#include "harness.hpp"
#include "ours.hpp"

namespace bench {
namespace {

template <class Ex>
void add_group(Programme& programme, const std::string& kind, JobFunction<Ex> job,
               std::size_t bound, double limit) {
  const bool concrete = std::is_same_v<Ex, Concrete>;
  const std::string key = "_" + kind + "_w" + std::to_string(bound) + (concrete ? "_concrete" : "");
  const auto add = [&](const std::string& name, auto run) {
    programme.scenarios.push_back({name + key, 1'000'000, run});
  };
  const auto add_by_hand = [&](const std::string& name, auto form) {
    add(name, [=](std::size_t n) { run_context<Ex>([=] { return form(n, bound, job); }); });
  };
  add_by_hand("typical", by_hand::typical<Ex, JobFunction<Ex>>);
  add_by_hand("skilled", by_hand::skilled<Ex, JobFunction<Ex>>);
  add_by_hand("counting", by_hand::counting<Ex, JobFunction<Ex>>);
  add("ours", [=](std::size_t n) { ours::submit<Ex>(n, bound, job); });
  add("read", [=](std::size_t n) { ours::submit_and_read<Ex>(n, bound, job); });
  add("spawn", [=](std::size_t n) { ours::spawn<Ex>(n, bound, job); });
  add("floor", [=](std::size_t n) { by_hand::floor<Ex>(n, bound, job); });

  const std::string what = (kind == "yield" ? ", one yield, W = " : ", no yield, W = ") +
                           std::to_string(bound) + (concrete ? ", concrete executor" : "");
  const auto row = [&](const std::string& work, const std::string& a, const std::string& b,
                       double most) {
    programme.rows.push_back({work + what, a + key, b + key, most});
  };
  row("submit", "ours", "skilled", limit);
  row("spawn", "spawn", "skilled", limit);
  row("submit, every result read", "read", "skilled", 0);
  row("submit over typical", "ours", "typical", 0);
  row("submit over the best by hand", "ours", "counting", 0);
  row("submit over the floor", "ours", "floor", 0);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  Programme programme;
  add_group<Any>(programme, "yield", yielding_job<Any>, 1000, 0.45);
  add_group<Any>(programme, "yield", yielding_job<Any>, 10, 0.50);
  add_group<Any>(programme, "plain", plain_job<Any>, 1000, 0.20);
  // The contract's figure is for the newest Boost; on others it is shown for comparison.
  const double concrete = BOOST_VERSION >= 109200 ? 0.40 : 0;
  add_group<Concrete>(programme, "yield", yielding_job<Concrete>, 1000, concrete);
  add_group<Concrete>(programme, "plain", plain_job<Concrete>, 1000, 0);
  return run_main(programme, argc, argv);
}
