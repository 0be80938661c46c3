#include "coroexec/detail/stream_state.hpp"

#include <algorithm>

namespace coroexec::detail {

StreamState::StreamState(Ref<Engine> engine, std::size_t window, bool ordered)
    : references_(engine->threads()), engine_(std::move(engine)), window_(window), ordered_(ordered) {}

StreamState::~StreamState() {
  while (auto* job = ended_.pop_front()) job->release();
  for (auto* job : in_order_) job->release();
}

bool StreamState::closed() const {
  std::lock_guard lock(mutex());
  return closed_;
}

bool StreamState::has_room() const {
  std::lock_guard lock(mutex());
  return room_locked();
}

void StreamState::hand_in(TaskBase& job) {
  job.error_is_owned = true;
  job.sink = this;
  {
    std::lock_guard lock(mutex());
    if (closed_) return;
    if (ordered_) {
      in_order_.push_back(&job);
      job.retain();
    }
    ++unread_;
    ++running_;
  }
  retain();  // until completed()
  try {
    engine_->submit_nowait(job);
  } catch (...) {
    bool ours = false;  // discard() may have let go of it meanwhile
    {
      std::lock_guard lock(mutex());
      --unread_;
      --running_;
      ours = ordered_ && !in_order_.empty() && in_order_.back() == &job;
      if (ours) in_order_.pop_back();
    }
    if (ours) job.release();
    release();
    throw;
  }
  if (closed()) engine_->cancel_sink(*this);  // cancel() may have missed it
}

void StreamState::completed(TaskBase& job) noexcept {
  if (job.is_body) return input_ended();
  WaitList::Taken readers_to_wake;
  {
    std::lock_guard lock(mutex());
    --running_;
    if (job.error()) ++failed_unread_;
    if (!ordered_ && !closed_) {
      job.retain();
      ended_.push_back(job);
    }
    // A reader of an ordered stream waits for the first: the others need not wake it.
    if (readable_locked() || joined_locked()) readers_to_wake.append(readers.take_all());
  }
  readers_to_wake.complete();
  release();
}

bool StreamState::readable_locked() const noexcept {
  if (failure_) return true;
  return ordered_ ? !in_order_.empty() && in_order_.front()->done() : !ended_.empty();
}

std::size_t StreamState::ready_locked() const noexcept { return unread_ - running_; }

Ref<TaskBase> StreamState::take() {
  WaitList::Taken feeders_to_wake;
  Ref<TaskBase> job;
  {
    std::lock_guard lock(mutex());
    if (ordered_) {
      if (in_order_.empty() || !in_order_.front()->done()) return {};
      job = Ref<TaskBase>::adopt(in_order_.front());
      in_order_.pop_front();
    } else {
      if (ended_.empty()) return {};
      job = Ref<TaskBase>::adopt(ended_.pop_front());
    }
    --unread_;
    if (job->error()) --failed_unread_;
    feeders_to_wake.append(feeders.take_all());
  }
  return job;
}

std::exception_ptr StreamState::failure() const {
  std::lock_guard lock(mutex());
  return failure_;
}

void StreamState::pump_started(Ref<TaskBase> pump) {
  pump->sink = this;
  retain();  // until completed()
  std::lock_guard lock(mutex());
  pump_ = std::move(pump);
}

void StreamState::input_ended() noexcept {
  Ref<TaskBase> pump;
  WaitList::Taken readers_to_wake;
  {
    std::lock_guard lock(mutex());
    std::swap(pump, pump_);
    if (!failure_ && !closed_) failure_ = pump->error();  // there was no memory for it
    readers_to_wake.append(readers.take_all());
  }
  readers_to_wake.complete();
  pump = {};
  release();
}

void StreamState::fail(std::exception_ptr error) noexcept {
  std::lock_guard lock(mutex());
  if (!failure_ && !closed_) failure_ = std::move(error);
}

void StreamState::cancel() noexcept {
  WaitList::Taken feeders_to_wake;
  {
    std::lock_guard lock(mutex());
    closed_ = true;
    feeders_to_wake.append(feeders.take_all());
  }
  feeders_to_wake.complete();
  engine_->cancel_sink(*this);  // the pump too
}

void StreamState::discard() noexcept {
  cancel();
  IntrusiveList<TaskBase, &TaskBase::link> ended;
  {
    std::lock_guard lock(mutex());
    ended = ended_.take_all();
    unread_ = running_;
  }
  while (auto* job = ended.pop_front()) job->release();
  // One by one: another deque to swap them into would need memory.
  for (;;) {
    Ref<TaskBase> job;
    std::lock_guard lock(mutex());
    if (in_order_.empty()) return;
    job = Ref<TaskBase>::adopt(in_order_.front());
    in_order_.pop_front();
  }
}

}  // namespace coroexec::detail
