// Many deadlines, one timer: a binary heap that is told the time. Most jobs end in time, in the order in which they
// began: each would move as many others in the heap as it is deep. So what is removed is only crossed out, and swept
// when it is more than half of all (as asyncio does with its cancelled timers): O(1) in the mean.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "coroexec/detail/make_room.hpp"

namespace coroexec::detail {

// `T` has a member `heap_index`, no_deadline while it is in no heap.
inline constexpr std::uint32_t no_deadline = std::numeric_limits<std::uint32_t>::max();

template <class T>
class DeadlineHeap {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr Time never = Time::max();

  Time next() noexcept {
    if (!entries_.empty() && !entries_.front().item) sweep();
    return entries_.empty() ? never : entries_.front().time;
  }
  bool empty() const noexcept { return entries_.size() == crossed_out_; }

  // After this, `count` entries fit: add() does not throw.
  void reserve(std::size_t count) { make_room(entries_, count); }

  void add(T& item, Time time) {
    if (entries_.size() == entries_.capacity() && crossed_out_ > 0) sweep();
    entries_.push_back({time, &item});
    rise(entries_.size() - 1);
  }

  void remove(T& item) noexcept {
    if (item.heap_index == no_deadline) return;
    entries_[item.heap_index].item = nullptr;
    item.heap_index = no_deadline;
    if (++crossed_out_ > entries_.size() / 2) sweep();
  }

  // The next one that is due, taken out; null when none is.
  T* pop_due(Time now) noexcept {
    if (next() > now || entries_.empty()) return nullptr;
    T* const item = entries_.front().item;
    item->heap_index = no_deadline;
    entries_.front() = entries_.back();
    entries_.pop_back();
    if (!entries_.empty()) sink(0);
    return item;
  }

 private:
  struct Entry {
    Time time;
    T* item;  // null: crossed out
  };
  static std::size_t parent(std::size_t i) noexcept { return (i - 1) / 2; }
  void place(std::size_t i, const Entry& entry) noexcept {
    entries_[i] = entry;
    if (entry.item) entry.item->heap_index = static_cast<std::uint32_t>(i);
  }

  void rise(std::size_t i) noexcept {
    const Entry entry = entries_[i];
    for (; i > 0 && entry.time < entries_[parent(i)].time; i = parent(i)) place(i, entries_[parent(i)]);
    place(i, entry);
  }

  void sink(std::size_t i) noexcept {
    const Entry entry = entries_[i];
    const std::size_t size = entries_.size();
    for (std::size_t child = 2 * i + 1; child < size; child = 2 * i + 1) {
      if (child + 1 < size && entries_[child + 1].time < entries_[child].time) ++child;
      if (entry.time <= entries_[child].time) break;
      place(i, entries_[child]);
      i = child;
    }
    place(i, entry);
  }

  void sweep() noexcept {
    std::erase_if(entries_, [](const Entry& entry) { return !entry.item; });
    crossed_out_ = 0;
    for (std::size_t i = entries_.size(); i-- > 0;) sink(i);
  }

  std::vector<Entry> entries_;
  std::size_t crossed_out_ = 0;
};

}  // namespace coroexec::detail
