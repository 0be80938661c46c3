#include "coroexec/detail/context_clock.hpp"

#include <utility>

namespace coroexec::detail {
namespace {

constinit thread_local ContextClock* this_threads_clock = nullptr;

}  // namespace

ContextClock* running_clock() noexcept { return this_threads_clock; }

RunningClock::RunningClock(ContextClock& clock) noexcept
    : previous_(std::exchange(this_threads_clock, &clock)) {}
RunningClock::~RunningClock() { this_threads_clock = previous_; }

ContextClock::~ContextClock() {
  for (auto& [time, wake_up] : wake_ups_) wake_up->clock_ = nullptr;
}

void ContextClock::WakeUp::disarm() noexcept {
  if (auto* clock = std::exchange(clock_, nullptr)) clock->wake_ups_.erase(place_);
}

void ContextClock::arm(WakeUp& wake_up, Time time) {
  const auto place = wake_ups_.emplace(time, &wake_up);
  wake_up.disarm();
  wake_up.clock_ = this;
  wake_up.place_ = place;
}

void ContextClock::ring_due() noexcept {
  const Time due = now();
  while (next() <= due) {
    WakeUp& wake_up = *wake_ups_.begin()->second;
    wake_up.disarm();
    wake_up.ring();
  }
}

}  // namespace coroexec::detail
