#include "coroexec/detail/ready_queue.hpp"

#include <algorithm>

#include "coroexec/detail/worker.hpp"

namespace coroexec::detail {

TaskBase* job_of(const QueueNode& entry) noexcept { return entry.worker ? entry.worker->job : nullptr; }

// The count starts at one that nobody gives back: what waits here never counts as outstanding work of
// the io_context, which so has work only while something outside is really under way.
ReadyQueue::ReadyQueue(const Priorities* priorities) noexcept : priorities_(priorities) { work_ = 1; }

// A completion that arrives never runs on the spot, as on an idle queue elsewhere: all that arrives
// together is in the queue before any of it runs.
void ReadyQueue::schedule(bool) { RunQueue::schedule(false); }

void ReadyQueue::Popped::drop() noexcept {
  auto* entry = release();
  if (!entry) return;
  if (entry->worker) entry->worker->discarded = true;
  entry->drop();
}

std::vector<QueueNode*> ReadyQueue::entries() {
  std::vector<QueueNode*> entries;
  if (is_idle()) return entries;
  fetch_inbox();
  for (auto* entry = first_; entry; entry = entry->next_in_queue) entries.push_back(entry);
  if (priorities_) {
    sort(entries);
    relink(entries);
  }
  return entries;
}

// Anew each time: priorities change with who waits for whom.
void ReadyQueue::sort(std::vector<QueueNode*>& entries) const {
  struct Ranked {
    int priority;
    std::size_t place;  // those of one priority stay in their order
    QueueNode* entry;
  };
  std::vector<Ranked> ranked;
  for (auto i = placed_; i < entries.size(); ++i)
    ranked.push_back({priorities_->effective(job_of(*entries[i])), i, entries[i]});
  std::ranges::sort(ranked, {}, [](const Ranked& r) { return std::pair(r.priority, r.place); });
  for (std::size_t i = 0; i < ranked.size(); ++i) entries[placed_ + i] = ranked[i].entry;
}

void ReadyQueue::relink(const std::vector<QueueNode*>& entries) noexcept {
  first_ = last_ = nullptr;
  for (auto* entry : entries) append_local(*entry);
}

std::shared_ptr<ReadyQueue::Popped> ReadyQueue::pop(std::size_t index) {
  auto all = entries();
  std::erase_if(popped_, [](const auto& popped) { return popped.expired(); });
  auto popped = std::make_shared<Popped>(*all[index]);
  try {
    popped_.push_back(popped);
  } catch (...) {
    popped->release();  // it stays where it is
    throw;
  }
  all.erase(all.begin() + static_cast<std::ptrdiff_t>(index));
  if (index < placed_) --placed_;
  relink(all);
  return popped;
}

void ReadyQueue::insert(std::size_t index, QueueNode& entry) {
  auto all = entries();
  index = std::min(index, all.size());
  if (is_idle()) {
    push(entry);
  } else {
    all.insert(all.begin() + static_cast<std::ptrdiff_t>(index), &entry);
    relink(all);
  }
  placed_ = std::max(placed_, index) + 1;
}

void ReadyQueue::rotate(std::ptrdiff_t n) {
  auto all = entries();
  if (all.empty()) return;
  const auto size = static_cast<std::ptrdiff_t>(all.size());
  std::rotate(all.begin(), all.begin() + (size - n % size) % size, all.end());
  placed_ = all.size();
  relink(all);
}

bool ReadyQueue::has_popped(const TaskBase& job) const noexcept {
  return std::ranges::any_of(popped_, [&](const auto& weak) {
    const auto popped = weak.lock();
    return popped && popped->get() && job_of(*popped->get()) == &job;
  });
}

// As many entries as there are now, whatever is done to their order meanwhile.
void ReadyQueue::drain() {
  if (dead_.load(std::memory_order_relaxed)) return;
  struct Released {
    ReadyQueue& queue;
    ~Released() noexcept(false) { queue.release(); }
  } released{*this};
  const Here here(*this, nullptr);
  for (auto left = entries().size(); left > 0 && first_; --left) {
    if (priorities_) entries();
    QueueNode* const entry = first_;
    first_ = entry->next_in_queue;
    if (placed_ > 0) --placed_;
    const CurrentWorker current(entry->worker);
    entry->run();
  }
}

void ReadyQueue::shut_down() noexcept {
  RunQueue::shut_down();
  for (auto& weak : popped_)
    if (const auto popped = weak.lock()) popped->drop();
}

}  // namespace coroexec::detail
