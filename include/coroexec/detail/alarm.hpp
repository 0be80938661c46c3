// Ends a wait on a list when its time is up: for the waits that may be bounded.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "coroexec/detail/context_clock.hpp"
#include "coroexec/detail/wait_list.hpp"

namespace coroexec::detail {

// The clock of the context of `executor`, or null: real time, by Asio's timers. Called by a coroutine
// on that executor.
template <class Ex>
ContextClock* clock_of(const Ex& executor) {
  return running_clock() ? ContextService::of(executor).clock() : nullptr;
}

template <class Ex>
class Alarm {
 public:
  using Clock = std::chrono::steady_clock;

  // Time::max(): never. `keep` keeps list and mutex alive.
  template <class Keep>
  Alarm(const Ex& executor, OptionalMutex& mutex, WaitList& list, Keep keep, Clock::time_point time) {
    if (time == Clock::time_point::max()) return;
    auto bell = std::make_shared<KeepingBell<Keep>>(mutex, list, std::move(keep));
    bell_ = bell;
    if (auto* clock = clock_of(executor)) {
      clock->arm(*bell_, time);
      return;
    }
    timer_.emplace(executor, time);
    timer_->async_wait([bell](boost::system::error_code ec) {
      if (!ec) bell->ring();
    });
  }
  Alarm(const Alarm&) = delete;
  ~Alarm() {
    if (bell_) bell_->disarm();
  }

  // Ask under the list's mutex.
  bool rung() const noexcept { return bell_ && bell_->rung; }

 private:
  struct Bell : ContextClock::WakeUp {
    Bell(OptionalMutex& m, WaitList& l) noexcept : mutex(m), list(l) {}
    void ring() noexcept override {
      WaitList::Taken taken;
      std::lock_guard lock(mutex);
      rung = true;
      taken.append(list.take_all());
    }
    OptionalMutex& mutex;
    WaitList& list;
    bool rung = false;
  };
  template <class Keep>
  struct KeepingBell final : Bell {
    KeepingBell(OptionalMutex& m, WaitList& l, Keep k) : Bell(m, l), keep(std::move(k)) {}
    Keep keep;
  };

  std::shared_ptr<Bell> bell_;
  std::optional<asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Ex>> timer_;
};

// The time `timeout` from now; no_timeout is never.
inline ContextClock::Time deadline_in(std::chrono::nanoseconds timeout,
                                      ContextClock::Time now = clock_now()) {
  constexpr auto never = ContextClock::Time::max();
  return timeout >= never - now ? never : now + timeout;
}

// Until `time` on a context's own clock: parked by us, so a cancel ends it at once. False: cancelled.
template <class Ex>
asio::awaitable<bool, Ex> sleep_until(Ex executor, ContextClock::Time time) {
  OptionalMutex mutex(false);
  WaitList list;
  Alarm<Ex> alarm(executor, mutex, list, KeptByCaller(), time);
  const auto rung = [&alarm] { return alarm.rung(); };
  co_return co_await wait_until<Ex>(list, mutex, Condition(rung));
}

}  // namespace coroexec::detail
