// At most so many starts per second, with a burst: a token bucket that is told the time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace coroexec::detail {

class RateLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  // `per_second` 0: no limit. The bucket is full at the first question.
  RateLimiter(double per_second, std::size_t burst)
      : interval_(per_second > 0 ? of_seconds(1.0 / per_second) : Duration::zero()),
        depth_(per_second > 0 && burst > 1
                   ? of_seconds(static_cast<double>(burst - 1) / per_second)
                   : Duration::zero()) {}

  bool limited() const noexcept { return interval_ > Duration::zero(); }

  // When the next start is allowed; not later than `now` means now. The bucket's content is kept as
  // the one time at which it would be full again (the generic cell rate algorithm).
  Time next_start(Time now) const noexcept { return std::max(now, full_at_ - depth_); }
  bool may_start(Time now) const noexcept { return full_at_ - depth_ <= now; }
  void started(Time now) noexcept { full_at_ = std::max(full_at_, now) + interval_; }

 private:
  // At least a tick and at most some decades, so that no sum of them overflows.
  static Duration of_seconds(double seconds) {
    const auto ticks = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::min(seconds, 1e9)));
    return std::max(ticks, Duration(1));
  }

  Duration interval_;
  Duration depth_;
  Time full_at_{};
};

}  // namespace coroexec::detail
