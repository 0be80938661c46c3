// Something done between every two entries of a SchedulingContext's ready queue.
#pragma once

#include <functional>

#include "coroexec/detail/alarm.hpp"
#include "coroexec/detail/context_clock.hpp"
#include "coroexec/scheduling_context.hpp"
#include "memory.hpp"

namespace coroexec::faults {

// Stands in the queue after the first entry. When nothing is ready it leaves, so that time can go on or
// the context can see that it is stuck, and comes back with whatever is due next.
class Stepper {
 public:
  Stepper(SchedulingContext& context, std::function<void()> step) : context_(context), step_(std::move(step)) {
    come_back();
  }
  void leave() { bell_.disarm(); }

 private:
  struct Bell final : detail::ContextClock::WakeUp {
    explicit Bell(Stepper& s) : stepper(s) {}
    void ring() noexcept override { stepper.come_back(); }
    Stepper& stepper;
  };

  void come_back() noexcept {
    const NotCounted own;
    context_.call_insert(0, [this] { this->run(); });
  }
  void run() {
    const NotCounted own;
    step_();
    if (context_.ready_len() > 0) {
      context_.call_insert(1, [this] { this->run(); });
      return;
    }
    auto* clock = detail::clock_of(context_.get_executor());
    if (const auto next = clock->next(); next != detail::ContextClock::Time::max()) clock->arm(bell_, next);
  }

  SchedulingContext& context_;
  std::function<void()> step_;
  Bell bell_{*this};
};

}  // namespace coroexec::faults
