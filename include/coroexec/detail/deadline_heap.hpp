// Many deadlines, one timer: a binary heap that knows where each entry is, so that one can be
// removed in O(log n) when its job ends in time. It is told the time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace coroexec::detail {

// `T` has a member `heap_index`, no_deadline while it is in no heap.
inline constexpr std::uint32_t no_deadline = std::numeric_limits<std::uint32_t>::max();

template <class T>
class DeadlineHeap {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr Time never = Time::max();

  Time next() const noexcept { return entries_.empty() ? never : entries_.front().time; }
  bool empty() const noexcept { return entries_.empty(); }

  // After this, `count` entries fit: add() does not throw.
  void reserve(std::size_t count) {
    if (count > entries_.capacity()) entries_.reserve(std::max(count, 2 * entries_.capacity()));
  }

  void add(T& item, Time time) {
    entries_.push_back({time, &item});
    rise(entries_.size() - 1);
  }

  void remove(T& item) noexcept {
    const std::size_t hole = item.heap_index;
    if (hole == no_deadline) return;
    item.heap_index = no_deadline;
    const Entry last = entries_.back();
    entries_.pop_back();
    if (hole == entries_.size()) return;
    entries_[hole] = last;
    if (hole > 0 && last.time < entries_[parent(hole)].time)
      rise(hole);
    else
      sink(hole);
  }

  // The next one that is due, taken out; null when none is.
  T* pop_due(Time now) noexcept {
    if (entries_.empty() || entries_.front().time > now) return nullptr;
    T* item = entries_.front().item;
    remove(*item);
    return item;
  }

 private:
  struct Entry {
    Time time;
    T* item;
  };
  static std::size_t parent(std::size_t i) noexcept { return (i - 1) / 2; }
  void place(std::size_t i, const Entry& entry) noexcept {
    entries_[i] = entry;
    entry.item->heap_index = static_cast<std::uint32_t>(i);
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

  std::vector<Entry> entries_;
};

}  // namespace coroexec::detail
