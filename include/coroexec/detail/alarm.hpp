// Ends a wait on a list when its time is up: for the waits that may be bounded.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "coroexec/detail/wait_list.hpp"

namespace coroexec::detail {

template <class Ex>
class Alarm {
 public:
  using Clock = std::chrono::steady_clock;

  // Time::max(): never. `keep` keeps list and mutex alive.
  template <class Keep>
  Alarm(const Ex& executor, OptionalMutex& mutex, WaitList& list, Keep keep, Clock::time_point time) {
    if (time == Clock::time_point::max()) return;
    rung_ = std::make_shared<bool>(false);
    timer_.emplace(executor, time);
    timer_->async_wait([&mutex, &list, keep = std::move(keep), rung = rung_](
                           boost::system::error_code ec) {
      if (ec) return;
      WaitList::Taken taken;
      std::unique_lock lock(mutex);
      *rung = true;
      taken.append(list.take_all());
      lock.unlock();
      taken.complete();
    });
  }

  // Ask under the list's mutex.
  bool rung() const noexcept { return rung_ && *rung_; }

 private:
  std::shared_ptr<bool> rung_;
  std::optional<asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Ex>> timer_;
};

// The time `timeout` from now; no_timeout is never.
inline std::chrono::steady_clock::time_point deadline_in(std::chrono::nanoseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const auto now = Clock::now();
  return timeout >= Clock::time_point::max() - now ? Clock::time_point::max() : now + timeout;
}

}  // namespace coroexec::detail
