// Who may enter and who may start: the bound and the backlog of an engine, as plain counting.
#pragma once

#include <cassert>
#include <cstddef>
#include <utility>

#include "coroexec/options.hpp"

namespace coroexec::detail {

// A job is queued when it has been accepted, active once it has started. As many are accepted as there are slots,
// and `backlog` more, so that workers find the next job without waking anybody. A submitter that finds no
// room waits; it is let in with a reservation, so that nobody can take its place before it resumes.
class COROEXEC_DECL Admission {
 public:
  Admission(std::size_t max_active, std::size_t backlog)
      : max_active_(max_active),
        backlog_(backlog),
        limit_(backlog < unlimited - max_active ? max_active + backlog : unlimited) {}

  // Is there room for one more right now, for somebody who does not wait? Those who wait come first.
  bool has_room() const noexcept { return waiting_ == 0 && room() > 0; }
  bool may_start() const noexcept { return queued_ > 0 && active_ < max_active_; }

  void enqueued() noexcept { ++queued_; }
  void dequeued() noexcept { take(queued_); }  // cancelled before it started
  void started() noexcept { take(queued_), ++active_; }
  void finished() noexcept { take(active_); }

  void wait_begun() noexcept { ++waiting_; }
  void wait_given_up() noexcept { take(waiting_); }
  void reservation_used() noexcept { take(reserved_); }

  // Is it time to wake waiting submitters? With a backlog only when it is half empty, and then all that
  // fit at once: a wake costs as much as several jobs.
  bool may_admit() const noexcept { return waiting_ > 0 && room() > 0 && room() >= backlog_ - backlog_ / 2; }
  // How many to wake now; each then holds a reservation.
  std::size_t admit_waiting() noexcept;

  // Nobody is to wait any more: all get a reservation, and are refused when they use it.
  std::size_t admit_all() noexcept {
    const std::size_t admitted = std::exchange(waiting_, 0);
    reserved_ += admitted;
    return admitted;
  }

  std::size_t max_active() const noexcept { return max_active_; }
  std::size_t active() const noexcept { return active_; }
  std::size_t queued() const noexcept { return queued_; }
  std::size_t waiting() const noexcept { return waiting_; }
  std::size_t reserved() const noexcept { return reserved_; }
  bool idle() const noexcept { return active_ + queued_ + waiting_ + reserved_ == 0; }

 private:
  static void take(std::size_t& count) noexcept {
    assert(count > 0);
    --count;
  }
  std::size_t room() const noexcept {
    const std::size_t taken = active_ + queued_ + reserved_;
    return taken < limit_ ? limit_ - taken : 0;
  }

  std::size_t max_active_;
  std::size_t backlog_;
  std::size_t limit_;  // of jobs accepted and not ended
  std::size_t active_ = 0;
  std::size_t queued_ = 0;
  std::size_t waiting_ = 0;
  std::size_t reserved_ = 0;
};

}  // namespace coroexec::detail
