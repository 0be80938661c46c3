// The memory of the whole program, of which any allocation can be made to fail.
#pragma once

#include <cstddef>

namespace coroexec::faults {

// Allocations of one thread are counted while one lives, and the n-th fails.
class CountedMemory {
 public:
  explicit CountedMemory(std::size_t n) noexcept;  // 0: none
  ~CountedMemory();
  CountedMemory(const CountedMemory&) = delete;
  std::size_t count() const noexcept;  // of allocations so far
  bool failed() const noexcept;        // has one been refused?
  void relent() noexcept;              // no more fail
};

// The driver's own allocations, in the middle of that.
class NotCounted {
 public:
  NotCounted() noexcept;
  ~NotCounted();
  NotCounted(const NotCounted&) = delete;

 private:
  bool before_;
};

// Blocks that are in use now, of all threads.
std::size_t live_blocks() noexcept;

}  // namespace coroexec::faults
