#include <functional>

#include "run_program.hpp"

namespace coroexec::sim {
namespace {

// Visits the action and all within it. The list of the body it stands in is null for the first.
void visit(Action& action, const std::function<void(Action&)>& f) {
  f(action);
  for (auto& child : action.body) visit(child, f);
}

Action& find(Program& program, int index) {
  Action* found = nullptr;
  visit(program.main, [&](Action& a) {
    if (index-- == 0) found = &a;
  });
  return *found;
}

// Without what differs from one program to the next: the numbers, and who waits for whom.
std::string broken_rule(const Program& program, Lie lie) {
  std::string rule = run_program(program, lie).violation.value_or("");
  std::erase_if(rule, [](char c) { return c >= '0' && c <= '9'; });
  return rule.starts_with("hang:") ? "hang" : rule;
}

class Shortener {
 public:
  Shortener(Program program, Lie lie) : best_(std::move(program)), lie_(lie), rule_(broken_rule(best_, lie)) {}

  // Again and again until nothing helps.
  Program run() {
    bool better = true;
    while (better && tries_ < most_tries) {
      better = false;
      for (int i = 0; i < count_actions(best_.main); ++i) better |= shorten_body(i);
      for (int i = 0; i < count_actions(best_.main); ++i) better |= simplify(i);
      better |= simplify_schedule();
    }
    return best_;
  }

 private:
  static constexpr int most_tries = 20'000;

  // Other schedules are tried as well: with less in it a program does something else under the same one.
  bool still_fails(Program program) {
    const int schedules = program.order == int(Order::fifo) ? 1 : 4;
    for (int i = 0; i < schedules; ++i) {
      ++tries_;
      if (broken_rule(program, lie_) == rule_) {
        best_ = std::move(program);
        return true;
      }
      ++program.seed;
    }
    return false;
  }

  // Leaves out halves, then single actions; or puts an action's body in its place.
  bool shorten_body(int index) {
    bool better = false;
    for (auto length = find(best_, index).body.size(); length > 0; length /= 2) {
      for (std::size_t first = 0; first + length <= find(best_, index).body.size();) {
        Program candidate = best_;
        auto& body = find(candidate, index).body;
        const auto begin = body.begin() + static_cast<std::ptrdiff_t>(first);
        body.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
        if (still_fails(std::move(candidate)))
          better = true;
        else
          ++first;
      }
    }
    for (std::size_t i = 0; i < find(best_, index).body.size(); ++i) {
      Program candidate = best_;
      auto& body = find(candidate, index).body;
      auto inner = std::move(body[i].body);
      if (inner.empty()) continue;
      body.erase(body.begin() + static_cast<std::ptrdiff_t>(i));
      body.insert(body.begin() + static_cast<std::ptrdiff_t>(i), inner.begin(), inner.end());
      better |= still_fails(std::move(candidate));
    }
    return better;
  }

  bool simplify(int index) {
    static const Action defaults;
    bool better = false;
    for (auto& field : fields()) {
      const int value = find(best_, index).*field.member;
      const int normal = defaults.*field.member;
      for (const int smaller : {normal, value / 2, value - 1}) {
        if (smaller >= value && smaller != normal) continue;
        if (smaller == find(best_, index).*field.member || smaller < normal) continue;
        Program candidate = best_;
        find(candidate, index).*field.member = smaller;
        if (still_fails(std::move(candidate))) {
          better = true;
          break;
        }
      }
    }
    return better;
  }

  bool simplify_schedule() {
    bool better = false;
    if (best_.order != int(Order::fifo)) {
      Program candidate = best_;
      candidate.order = int(Order::fifo);
      better |= still_fails(std::move(candidate));
    }
    for (const int step : {0, best_.cancel_at / 2, best_.cancel_at - 1}) {
      if (best_.cancel_at == 0 || step < 0) break;
      Program candidate = best_;
      candidate.cancel_at = step;
      if (still_fails(std::move(candidate))) return true;
    }
    return better;
  }

  Program best_;
  const Lie lie_;
  const std::string rule_;
  int tries_ = 0;
};

}  // namespace

Program shorten(Program program, Lie lie) { return Shortener(std::move(program), lie).run(); }

}  // namespace coroexec::sim
