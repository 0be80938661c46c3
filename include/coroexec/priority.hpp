// Priorities: which of the ready tasks of a SchedulingContext runs next.
//
//   SchedulingContext context({.order = ReadyOrder::priority});
//
// The task of the lowest number runs next, and among equals the one that has been ready longest. What
// has been put at a position by hand, and everything before it, stays there and comes first. A task that
// others wait for runs with the best of their priorities (inheritance), so that what is urgent never
// waits for what is merely in between. Nothing is boosted for having waited long: a task may starve.
//
// Choosing looks at all that is ready, and at who waits for it. (asynkit: PriorityTask, PriorityLock)
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "coroexec/any_task.hpp"
#include "coroexec/detail/priorities.hpp"
#include "coroexec/scheduling_context.hpp"

namespace coroexec {

// Of a task whose priority is not set: that of the task in which its scope was made, else normal. A
// plain handler's is normal.
using Priority = std::int16_t;
inline constexpr Priority high_priority = -100;
inline constexpr Priority normal_priority = 0;
inline constexpr Priority low_priority = 100;

// Of one task, from now on. invalid-argument for the smallest of all numbers.
COROEXEC_DECL void set_priority(const AnyTask& task, Priority priority);
// What has been set, or comes from the task's scope.
COROEXEC_DECL Priority own_priority(const AnyTask& task);
// The best of its own and of those who wait for it: for its end, for that of its scope, or for a lock
// it holds.
COROEXEC_DECL Priority effective_priority(const AnyTask& task,
                                          SchedulingContext& context = SchedulingContext::current());

// A mutex for the tasks of one context. Whoever waits hands its priority on to who holds it. It goes to
// the waiting task of the best priority, and among equals to the first.
class COROEXEC_DECL PriorityLock {
 public:
  explicit PriorityLock(SchedulingContext& context = SchedulingContext::current());  // its context
  PriorityLock(const PriorityLock&) = delete;
  PriorityLock& operator=(const PriorityLock&) = delete;
  ~PriorityLock();  // when nobody holds it or waits

  // Holds the lock; to be let go on the context's thread, before the lock is.
  class COROEXEC_DECL Guard {
   public:
    Guard(Guard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (lock_) lock_->unlock();
    }

   private:
    friend PriorityLock;
    explicit Guard(PriorityLock& lock) noexcept : lock_(&lock) {}
    PriorityLock* lock_;
  };

  // Waits for it. operation_aborted if cancelled; would-deadlock for a task that holds it already.
  asio::awaitable<Guard> lock();
  std::optional<Guard> try_lock();  // only if it is free
  bool locked() const noexcept { return held_.locked; }  // by anybody?

 private:
  struct Waiter;
  void take(detail::TaskBase* holder);
  void unlock() noexcept;

  detail::Priorities& priorities_;
  detail::HeldLock held_;
  std::vector<Waiter*> waiters_;  // in the order they came
  detail::OptionalMutex mutex_{false};
};

}  // namespace coroexec
