// The time of a context that keeps its own: a SchedulingContext's. Elsewhere time is Asio's timers.
//
// Every wait of the library that ends by time is a WakeUp here. The context rings those that are due
// between two passes of its ready queue; a virtual clock stands still until it is moved.
#pragma once

#include <chrono>
#include <map>

#include "coroexec/config.hpp"

namespace coroexec::detail {

class COROEXEC_DECL ContextClock {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  // Rung once, on the context's thread, unless disarmed or destroyed first. It may outlive the clock.
  class COROEXEC_DECL WakeUp {
   public:
    WakeUp() = default;
    WakeUp(const WakeUp&) = delete;
    void disarm() noexcept;

   protected:
    virtual ~WakeUp() { disarm(); }
    virtual void ring() noexcept = 0;

   private:
    friend ContextClock;
    ContextClock* clock_ = nullptr;  // while it is armed
    std::multimap<Time, WakeUp*>::iterator place_;
  };

  explicit ContextClock(bool is_virtual) noexcept : virtual_(is_virtual) {}
  ContextClock(const ContextClock&) = delete;
  ~ContextClock();

  bool is_virtual() const noexcept { return virtual_; }
  Time now() const noexcept { return virtual_ ? now_ : Clock::now(); }
  // Of the next wake-up; max() if there is none.
  Time next() const noexcept { return wake_ups_.empty() ? Time::max() : wake_ups_.begin()->first; }

  void arm(WakeUp& wake_up, Time time);  // in place of what it was armed for
  void ring_due() noexcept;              // in the order of their times, then as they were armed

  // Virtual time only: moves it.
  void set(Time time) noexcept { now_ = time; }

 private:
  const bool virtual_;
  Time now_{};
  std::multimap<Time, WakeUp*> wake_ups_;
};

// The clock of the SchedulingContext that is running on this thread, or null: real time.
COROEXEC_DECL ContextClock* running_clock() noexcept;

// Makes it so for a scope.
class COROEXEC_DECL RunningClock {
 public:
  explicit RunningClock(ContextClock& clock) noexcept;
  ~RunningClock();
  RunningClock(const RunningClock&) = delete;

 private:
  ContextClock* previous_;
};

// What time it is for the calling coroutine.
inline ContextClock::Time clock_now() noexcept {
  const auto* clock = running_clock();
  return clock ? clock->now() : ContextClock::Clock::now();
}

}  // namespace coroexec::detail
