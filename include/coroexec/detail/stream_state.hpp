// The jobs of one stream: how many are out, which have ended, who waits. Shared by the reader and the
// jobs; guarded by the engine's mutex.
#pragma once

#include <cstddef>
#include <deque>
#include <exception>

#include "coroexec/detail/engine.hpp"
#include "coroexec/detail/task_base.hpp"
#include "coroexec/detail/wait_list.hpp"

namespace coroexec::detail {

class COROEXEC_DECL StreamState final : public CompletionSink, public PooledObject {
 public:
  // At most `window` jobs are handed in and not yet read. Ordered: they are read in that order,
  // otherwise as they end.
  StreamState(Ref<Engine> engine, std::size_t window, bool ordered);
  virtual ~StreamState();
  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.remove()) delete this;
  }

  // For who reads the input.
  bool has_room() const;
  void hand_in(TaskBase& job);  // queues it in the engine
  void pump_started(Ref<TaskBase> pump);
  void fail(std::exception_ptr error) noexcept;  // the first counts, and none once it is closed

  // For who reads the results.
  Ref<TaskBase> take();  // null: none is ready
  std::exception_ptr failure() const;
  void cancel() noexcept;  // everything; nothing is handed in after this
  void discard() noexcept;  // cancel(), and forgets what was not read

  // Under the mutex.
  bool room_locked() const noexcept { return unread_ < window_ || closed_; }
  bool readable_locked() const noexcept;
  bool joined_locked() const noexcept { return running_ == 0 && !pump_; }
  std::size_t running_locked() const noexcept { return running_; }
  std::size_t ready_locked() const noexcept;
  bool input_failed_locked() const noexcept { return failure_ != nullptr; }
  bool failed_locked() const noexcept { return failed_unread_ > 0; }

  Engine& engine() const noexcept { return *engine_; }
  OptionalMutex& mutex() const noexcept { return engine_->mutex(); }
  bool closed() const;
  WaitList readers;  // until something is readable, or all has ended
  WaitList feeders;  // until there is room

  void completed(TaskBase& job) noexcept override;  // one that was handed in, or the pump

 private:
  void input_ended() noexcept;
  RefCount references_;
  Ref<Engine> engine_;
  const std::size_t window_;
  const bool ordered_;
  bool closed_ = false;
  std::size_t unread_ = 0;   // handed in and not taken
  std::size_t failed_unread_ = 0;
  std::size_t running_ = 0;  // handed in and not ended
  std::deque<TaskBase*> in_order_;  // each counted; ordered only
  IntrusiveList<TaskBase, &TaskBase::link> ended_;  // each counted; unordered only
  Ref<TaskBase> pump_;  // null: the input has ended, or the reader reads it
  std::exception_ptr failure_;
};

}  // namespace coroexec::detail
