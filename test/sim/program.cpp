#include "program.hpp"

#include <algorithm>
#include <array>

#include "random.hpp"

namespace coroexec::sim {
namespace {

constexpr int max_depth = 3;     // of scopes and jobs within each other
constexpr int max_actions = 60;

class Maker {
 public:
  explicit Maker(Random random) : random_(random) {}

  Program make() {
    Program program;
    program.seed = random_.next();
    program.order = random_.one_of({0, 1, 1, 1, 2, 3, 3, 4});
    if (random_.chance(30)) program.cancel_at = random_.within(1, 80);
    program.main = scope(0);
    return program;
  }

 private:
  // Few different times: so that several things are due at once.
  int time() { return random_.one_of({0, 1, 1, 2, 3, 5, 10, 50}); }

  std::vector<Action> script(int depth, int longest, bool of_job) {
    std::vector<Action> actions;
    for (int i = random_.below(longest + 1); i > 0 && left_ > 0; --i) actions.push_back(action(depth, of_job));
    return actions;
  }

  Action action(int depth, bool of_job) {
    --left_;
    Action a;
    const int dice = random_.below(100);
    if (of_job && dice < 45) return waits(a);
    if (dice < (of_job ? 55 : 45)) return depth < max_depth ? job(depth) : waits(a);
    if (dice < (of_job ? 60 : 58)) return depth < max_depth ? stream(depth) : waits(a);
    if (dice < (of_job ? 63 : 62)) return depth < max_depth - 1 ? scope(depth) : waits(a);
    if (dice < 70) return waits(a);
    a.op = static_cast<Op>(random_.one_of(
        {int(Op::wait), int(Op::wait), int(Op::get), int(Op::async_wait), int(Op::cancel_task), int(Op::cancel_task),
         int(Op::cancel_self), int(Op::drop_task), int(Op::join), int(Op::join), int(Op::shutdown),
         int(Op::shutdown_now), int(Op::cancel_scope), int(Op::with_timeout), int(Op::shield), int(Op::uncancel),
         int(Op::fail), int(Op::fail), int(Op::abort)}));
    a.number = random_.below(8);
    if (a.op == Op::with_timeout || a.op == Op::shield) {
      a.number = time();
      a.body = script(depth, 3, of_job);
    }
    return a;
  }

  Action waits(Action& a) {
    a.op = random_.chance(50) ? Op::yield : Op::sleep;
    if (a.op == Op::sleep) a.number = time();
    return a;
  }

  void job_numbers(Action& a) {
    a.on_cancel = random_.one_of({0, 0, 0, 1, 2, 3});
    a.lenient = random_.chance(50);
    if (random_.chance(15)) a.job_timeout = 1 + time();
  }

  Action job(int depth) {
    Action a;
    a.op = Op::submit;
    a.how = random_.one_of({0, 0, 1, 1, 1, 2, 3, 4, 5, 6});
    job_numbers(a);
    if (random_.chance(10)) a.fragile = random_.within(1, 5);
    a.body = script(depth + 1, 4, true);
    return a;
  }

  Action stream(int depth) {
    Action a;
    a.op = Op::stream;
    a.kind = random_.below(6);
    job_numbers(a);
    a.bound = random_.within(1, 3);
    a.inputs = random_.below(9);
    a.lazy = random_.below(3);
    if (random_.chance(20)) a.breaks = random_.within(1, 5);
    if (random_.chance(40)) a.pace = time();
    a.leave = random_.one_of({0, 0, 1, 2, 3, 4, 5});
    a.leave_after = random_.below(5);
    a.body = script(depth + 1, 3, true);
    return a;
  }

  Action scope(int depth) {
    Action a;
    a.op = Op::scope;
    a.kind = random_.one_of({0, 0, 0, 1, 1, 2, 3});
    a.bound = random_.one_of({0, 1, 1, 2, 2, 3, 4});
    a.backlog = random_.one_of({-1, 0, 0, 1, 2, 3});
    if (random_.chance(20)) a.timeout = 1 + time() * 2;
    a.policy = random_.below(3);
    if (random_.chance(20)) a.rate = random_.one_of({100, 500, 1000});
    if (a.rate) a.burst = random_.within(1, 3);
    a.threads = random_.chance(40);
    a.lenient = random_.chance(50);
    a.on_cancel = random_.one_of({0, 0, 0, 1, 2, 3});
    a.body = script(depth, depth == 0 ? 14 : 6, false);
    return a;
  }

  Random random_;
  int left_ = max_actions;
};

constexpr std::array op_names{"yield", "sleep", "submit", "stream", "wait", "get", "async_wait", "cancel_task",
                              "cancel_self", "cancel_scope", "drop_task", "join", "shutdown", "shutdown_now",
                              "scope", "with_timeout", "shield", "uncancel", "fail", "abort"};
constexpr std::array how_names{"wait", "nowait", "try", "exec", "callback", "failing_callback", "slow_callback"};
constexpr std::array stream_names{"map", "map_unordered", "itermap", "concurrent", "concurrent_outcomes", "pool_map"};
constexpr std::array scope_names{"executor", "pool", "loose_executor", "loose_pool"};
constexpr std::array leave_names{"at_end", "close", "drop", "fail", "for_each", "collect"};
constexpr std::array cancel_names{"obey", "clean_up", "swallow", "fail"};
constexpr std::array policy_names{"cancel", "suppress", "collect"};
constexpr std::array order_names{"fifo", "random", "lifo", "priorities", "swaps"};

std::string value_of(const Action& a, const Field& field) {
  const auto value = static_cast<std::size_t>(a.*field.member);
  if (field.member == &Action::kind) return a.op == Op::stream ? stream_names[value] : scope_names[value];
  if (field.member == &Action::how) return how_names[value];
  if (field.member == &Action::leave) return leave_names[value];
  if (field.member == &Action::on_cancel) return cancel_names[value];
  if (field.member == &Action::policy) return policy_names[value];
  return std::to_string(a.*field.member);
}

void print(const Action& a, int depth, std::string& text) {
  static const Action defaults;
  text += std::string(static_cast<std::size_t>(2 * depth), ' ') + name_of(a.op);
  for (auto& field : fields()) {
    const bool names_it = field.member == &Action::kind && (a.op == Op::stream || a.op == Op::scope);
    if (names_it || a.*field.member != defaults.*field.member)
      text += std::string(" ") + field.name + "=" + value_of(a, field);
  }
  text += '\n';
  for (auto& child : a.body) print(child, depth + 1, text);
}

}  // namespace

const char* name_of(Op op) { return op_names[static_cast<std::size_t>(op)]; }

const std::vector<Field>& fields() {
  static const std::vector<Field> all{{"kind", &Action::kind},
                                      {"number", &Action::number},
                                      {"how", &Action::how},
                                      {"on_cancel", &Action::on_cancel},
                                      {"lenient", &Action::lenient},
                                      {"job_timeout", &Action::job_timeout},
                                      {"fragile", &Action::fragile},
                                      {"bound", &Action::bound},
                                      {"inputs", &Action::inputs},
                                      {"lazy", &Action::lazy},
                                      {"breaks", &Action::breaks},
                                      {"pace", &Action::pace},
                                      {"leave", &Action::leave},
                                      {"leave_after", &Action::leave_after},
                                      {"backlog", &Action::backlog},
                                      {"timeout", &Action::timeout},
                                      {"policy", &Action::policy},
                                      {"rate", &Action::rate},
                                      {"burst", &Action::burst},
                                      {"threads", &Action::threads}};
  return all;
}

int count_actions(const Action& action) {
  int count = 1;
  for (auto& child : action.body) count += count_actions(child);
  return count;
}

Program make_program(std::uint64_t seed) { return Maker(Random(seed)).make(); }

Program make_program(std::span<const std::uint8_t> choices) {
  Program program = Maker(Random(choices)).make();
  program.choices.emplace(choices.rbegin(), choices.rend());
  return program;
}

std::string to_string(const Program& program) {
  std::string text = std::string("order=") + order_names[static_cast<std::size_t>(program.order)] +
                     (program.choices ? " choices given" : " seed=" + std::to_string(program.seed));
  if (program.cancel_at) text += " cancel_at=" + std::to_string(program.cancel_at);
  text += '\n';
  print(program.main, 0, text);
  return text;
}

}  // namespace coroexec::sim
