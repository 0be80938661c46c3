// Who is inside: how many are active, how many ever were at once, how many have come in.
#pragma once

#include <atomic>
#include <utility>

namespace coroexec::test {

class Activity {
 public:
  // Inside until it is destroyed, which a cancelled or dropped coroutine's frame does as well.
  class Stay {
   public:
    explicit Stay(Activity& activity) : activity_(&activity) {}
    Stay(Stay&& other) noexcept : activity_(std::exchange(other.activity_, nullptr)) {}
    Stay& operator=(Stay&&) = delete;
    ~Stay() {
      if (activity_) --activity_->now_;
    }

   private:
    Activity* activity_;
  };

  [[nodiscard]] Stay enter() {
    ++entered_;
    const int now = ++now_;
    for (int peak = peak_; now > peak && !peak_.compare_exchange_weak(peak, now);) {
    }
    return Stay(*this);
  }
  int now() const { return now_; }
  int peak() const { return peak_; }
  int entered() const { return entered_; }

 private:
  std::atomic<int> now_ = 0, peak_ = 0, entered_ = 0;
};

}  // namespace coroexec::test
