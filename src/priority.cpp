#include "coroexec/priority.hpp"

#include <algorithm>
#include <limits>
#include <new>

#include "coroexec/detail/make_room.hpp"
#include "coroexec/this_task.hpp"

namespace coroexec {
namespace detail {

std::int16_t Priorities::own(const TaskBase* job) {
  if (!job) return normal_priority;
  if (job->priority != unset_priority) return job->priority;
  return own(job->engine().parent().get());
}

// All that wait for it, those that wait for them, and so on; some may wait in a circle.
std::int16_t Priorities::effective(TaskBase* job) const {
  std::int16_t best = own(job);
  if (!job) return best;
  std::vector<Ref<TaskBase>> found{Ref<TaskBase>(job)}, waiting;
  for (std::size_t i = 0; i < found.size(); ++i) {
    waiting = found[i]->engine().jobs_waiting_for(*found[i]);
    for (auto* lock : locks_)
      if (lock->holder == found[i].get())
        for (auto* other : lock->waiting) waiting.emplace_back(other);
    for (auto& other : waiting) {
      if (!other || std::ranges::find(found, other.get(), &Ref<TaskBase>::get) != found.end()) continue;
      best = std::min(best, own(other.get()));
      found.push_back(other);
    }
  }
  return best;
}

}  // namespace detail

void set_priority(const AnyTask& task, Priority priority) {
  if (priority == detail::unset_priority)
    detail::throw_error(errc::invalid_argument, "set_priority(): the smallest number stands for no priority");
  task.job()->priority = priority;
}

Priority own_priority(const AnyTask& task) { return detail::Priorities::own(task.job()); }

Priority effective_priority(const AnyTask& task, SchedulingContext& context) {
  return context.priorities().effective(task.job());
}

// In the frame of who waits; if that goes it gives up, or lets go what it has been given.
struct PriorityLock::Waiter {
  Waiter(PriorityLock& l, detail::TaskBase* j) : lock(l), job(j) {
    detail::make_room(lock.held_.waiting, lock.waiters_.size() + 1);
    lock.waiters_.push_back(this);
    lock.held_.waiting.push_back(job);
  }
  ~Waiter() {
    if (!granted)
      leave();
    else if (!taken_over)
      lock.unlock();
  }
  void leave() noexcept {
    const auto place = std::ranges::find(lock.waiters_, this);
    lock.held_.waiting.erase(lock.held_.waiting.begin() + (place - lock.waiters_.begin()));
    lock.waiters_.erase(place);
  }

  PriorityLock& lock;
  detail::TaskBase* job;
  detail::WaitList list;
  bool granted = false;
  bool taken_over = false;
};

PriorityLock::PriorityLock(SchedulingContext& context) : priorities_(context.priorities()) {
  priorities_.add(held_);
}
PriorityLock::~PriorityLock() { priorities_.remove(held_); }

void PriorityLock::take(detail::TaskBase* holder) {
  held_.locked = true;
  held_.holder = holder;
}

std::optional<PriorityLock::Guard> PriorityLock::try_lock() {
  if (held_.locked) return std::nullopt;
  take(detail::current_job());
  return Guard(*this);
}

asio::awaitable<PriorityLock::Guard> PriorityLock::lock() {
  auto* const job = detail::current_job();
  if (!held_.locked) {
    take(job);
    co_return Guard(*this);
  }
  if (job && held_.holder == job)
    detail::throw_error(errc::would_deadlock, AnyTask(job).label() + " waits for a lock that it holds");
  Waiter waiter(*this, job);
  const auto granted = [&waiter] { return waiter.granted; };
  co_await detail::wait_or_throw<asio::any_io_executor>(waiter.list, mutex_, detail::Condition(granted));
  waiter.taken_over = true;
  co_return Guard(*this);
}

void PriorityLock::unlock() noexcept {
  held_.locked = false;
  held_.holder = nullptr;
  if (waiters_.empty()) return;
  // The first of the best.
  Waiter* next = waiters_.front();
  try {
    for (auto* waiter : waiters_)
      if (priorities_.effective(waiter->job) < priorities_.effective(next->job)) next = waiter;
  } catch (const std::bad_alloc&) {  // then it is the best of those that could be compared
  }
  next->leave();
  take(next->job);
  next->granted = true;
  next->list.take_all();  // and so wakes it
}

}  // namespace coroexec
