// Between a task that is started with start() and who awaits that: the value it gives, and whose its
// error is.
#pragma once

#include <atomic>
#include <optional>
#include <type_traits>
#include <utility>

#include "coroexec/detail/engine.hpp"
#include "coroexec/outcome.hpp"

namespace coroexec::detail {

// Kept by the task's TaskStatus, by who awaits it, and by itself from begin() to the task's end.
class COROEXEC_DECL StartingBase : public PooledObject, public CompletionSink {
 public:
  explicit StartingBase(Engine& engine);
  virtual ~StartingBase();
  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.remove()) delete this;
  }

  void watch(TaskBase& job) noexcept;
  // Around the handing in of the job, which may throw.
  void begin() noexcept { retain(); }
  void not_begun() noexcept { release(); }

  // From the task. claim() may be called once; between the two the value is stored.
  void claim();
  void publish() noexcept;
  bool is_published() const noexcept { return published_.load(std::memory_order_acquire); }

  // The awaiter has gone without having heard of the task's end: its error is the group's after all.
  void give_up(TaskBase& job) noexcept;

 private:
  void completed(TaskBase& job) noexcept override;

  RefCount references_;
  Ref<Engine> engine_;
  TaskBase* job_ = nullptr;  // until it has ended; mutex
  bool claimed_ = false;     // mutex
  std::atomic<bool> published_ = false;
};

template <class V>
class Starting final : public StartingBase {
 public:
  using StartingBase::StartingBase;
  std::optional<void_to_monostate<V>> value;
};

// Lives in the frame of who awaits it.
template <class V>
class StartingOwner {
 public:
  StartingOwner(Ref<Starting<V>> state, Ref<TaskBase> job) noexcept
      : state_(std::move(state)), job_(std::move(job)) {}
  StartingOwner(StartingOwner&&) = default;
  StartingOwner& operator=(StartingOwner&&) = delete;
  ~StartingOwner() {
    if (job_) state_->give_up(*job_);
  }

  Starting<V>& state() const noexcept { return *state_; }
  TaskBase& job() const noexcept { return *job_; }
  Ref<TaskBase> heard() noexcept { return std::move(job_); }

 private:
  Ref<Starting<V>> state_;
  Ref<TaskBase> job_;
};

// From now on the job's error is the group's. False: it has ended, and the error is still the caller's.
COROEXEC_DECL bool leave_error_to_group(TaskBase& job) noexcept;

[[noreturn]] COROEXEC_DECL void throw_not_started(const TaskBase& job);

}  // namespace coroexec::detail
