// Decides, from a seed, which of the ready entries of a SchedulingContext runs next.
#pragma once

#include <functional>
#include <set>

#include "coroexec/detail/context_clock.hpp"
#include "coroexec/scheduling_context.hpp"
#include "program.hpp"
#include "random.hpp"

namespace coroexec::sim {

// Stands between every two entries of the ready queue, as an entry of its own, and puts in front what is
// to run next. When nothing is ready it leaves, so that time can go on or the context can see that it is
// stuck, and comes back with whatever is due next.
class Schedule {
 public:
  // `step(at_rest)` is called each time, and may throw: that leaves run().
  Schedule(SchedulingContext& context, const Program& program, std::function<void(bool)> step);

 private:
  struct Bell final : detail::ContextClock::WakeUp {
    explicit Bell(Schedule& s) : schedule(s) {}
    void ring() noexcept override { schedule.come_back(); }
    Schedule& schedule;
  };

  void come_back() noexcept;
  void step();
  void choose();
  std::ptrdiff_t chosen();
  std::uint64_t priority_of(const AnyTask& task);

  SchedulingContext& context_;
  const Order order_;
  Random random_;
  std::uint64_t priorities_seed_;
  std::function<void(bool)> step_;
  Bell bell_{*this};
};

}  // namespace coroexec::sim
