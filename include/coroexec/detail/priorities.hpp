// What a task's priority is, all that wait for it considered: derived when it is asked for.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "coroexec/config.hpp"

namespace coroexec::detail {

class TaskBase;

inline constexpr std::int16_t unset_priority = std::numeric_limits<std::int16_t>::min();

// A lock as seen by who looks for those who wait for its holder.
struct HeldLock {
  bool locked = false;
  TaskBase* holder = nullptr;  // null: no task
  std::vector<TaskBase*> waiting;
};

class COROEXEC_DECL Priorities {
 public:
  static std::int16_t own(const TaskBase* job);  // null: a plain handler
  std::int16_t effective(TaskBase* job) const;

  void add(const HeldLock& lock) { locks_.push_back(&lock); }
  void remove(const HeldLock& lock) noexcept { std::erase(locks_, &lock); }

 private:
  std::vector<const HeldLock*> locks_;
};

}  // namespace coroexec::detail
