#include "schedule.hpp"

#include <algorithm>

#include "coroexec/detail/alarm.hpp"

namespace coroexec::sim {

Schedule::Schedule(SchedulingContext& context, const Program& program, std::function<void(bool)> step)
    : context_(context),
      order_(static_cast<Order>(program.order)),
      random_(program.choices ? Random(*program.choices) : Random(program.seed)),
      priorities_seed_(random_.next()),
      step_(std::move(step)) {
  come_back();
}

void Schedule::come_back() noexcept {
  context_.call_insert(0, [this] { this->step(); });
}

void Schedule::step() {
  const auto ready = static_cast<std::ptrdiff_t>(context_.ready_len());
  step_(ready == 0);
  // What the step did may have made something ready.
  if (context_.ready_len() > 0) {
    choose();
    context_.call_insert(1, [this] { this->step(); });
    return;
  }
  // Everything that is due at a time is ready before any of it runs.
  auto* clock = detail::clock_of(context_.get_executor());
  if (const auto next = clock->next(); next != detail::ContextClock::Time::max()) clock->arm(bell_, next);
}

void Schedule::choose() {
  if (const auto index = chosen(); index > 0) context_.ready_insert(0, context_.ready_pop(index));
}

// Only the first entry of a task may be moved ahead: a task's own entries keep their order.
std::ptrdiff_t Schedule::chosen() {
  if (order_ == Order::fifo || (order_ == Order::swaps && !random_.chance(20))) return 0;
  const auto entries = context_.queue_items();
  std::set<AnyTask> seen;
  std::vector<std::ptrdiff_t> free;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& task = entries[i].task();
    if (!task || seen.insert(task).second) free.push_back(static_cast<std::ptrdiff_t>(i));
  }
  if (order_ == Order::lifo) return free.back();
  if (order_ != Order::priorities) return free[static_cast<std::size_t>(random_.below(static_cast<int>(free.size())))];
  if (random_.chance(3)) priorities_seed_ = random_.next();
  return *std::ranges::max_element(free, {}, [&](std::ptrdiff_t i) {
    return priority_of(entries[static_cast<std::size_t>(i)].task());
  });
}

// The same for one task until the seed changes, so that some are kept waiting for long.
std::uint64_t Schedule::priority_of(const AnyTask& task) {
  if (!task) return random_.next();
  return Random(priorities_seed_ + task.id() * 64 + task.label().size()).next();
}

}  // namespace coroexec::sim
