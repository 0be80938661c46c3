// The run queue of a SchedulingContext: all that is ready on it, open to being read and re-ordered.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "coroexec/detail/priorities.hpp"
#include "coroexec/detail/run_queue.hpp"

namespace coroexec::detail {

class TaskBase;

// On whose behalf an entry will run; null: a callback's, or a worker's that has yet to take a job.
COROEXEC_DECL TaskBase* job_of(const QueueNode& entry) noexcept;

// Everything here, but for push(), is for the context's own thread. Only positions are kept: every
// call looks at the whole queue.
class COROEXEC_DECL ReadyQueue final : public RunQueue {
 public:
  // In the order of priorities, or, with null, in that of their coming.
  explicit ReadyQueue(const Priorities* priorities) noexcept;
  void base(asio::any_io_executor executor) noexcept { base_ = std::move(executor); }
  const asio::any_io_executor& base() const noexcept override { return base_; }

  // An entry that has been taken out and not been put back. Let go of, it is dropped: its coroutine is
  // destroyed.
  class COROEXEC_DECL Popped {
   public:
    explicit Popped(QueueNode& entry) noexcept : entry_(&entry) {}
    Popped(const Popped&) = delete;
    ~Popped() { drop(); }
    QueueNode* get() const noexcept { return entry_; }
    QueueNode* release() noexcept { return std::exchange(entry_, nullptr); }
    void drop() noexcept;

   private:
    QueueNode* entry_;
  };

  std::vector<QueueNode*> entries();  // as they will run
  std::shared_ptr<Popped> pop(std::size_t index);
  void insert(std::size_t index, QueueNode& entry);
  void rotate(std::ptrdiff_t n);  // to the right
  bool has_popped(const TaskBase& job) const noexcept;

  void shut_down() noexcept override;

 private:
  void drain() override;
  void schedule(bool may_run_now) override;
  void sort(std::vector<QueueNode*>& entries) const;
  void relink(const std::vector<QueueNode*>& entries) noexcept;

  const Priorities* const priorities_;
  std::size_t placed_ = 0;      // so many at the front are where somebody put them, whatever their priority
  asio::any_io_executor base_;  // the context's own, which leads here
  std::vector<std::weak_ptr<Popped>> popped_;
};

}  // namespace coroexec::detail
