// What a program asks of the system's allocator: calls and bytes. By taking malloc's place, because
// Asio calls std::aligned_alloc beside operator new. This file is for glibc only; elsewhere
// `heap_is_counted` is false and nothing is counted. To be included in one file of a program.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace bench {

struct Heap {
  std::size_t calls = 0;  // that ask for memory
  std::size_t bytes = 0;  // in use, with what malloc adds
  std::size_t peak = 0;   // the most bytes since reset_heap_peak()
};

}  // namespace bench

#if defined(__GLIBC__)

#include <malloc.h>

namespace bench {

inline constexpr bool heap_is_counted = true;
inline std::atomic<std::size_t> heap_calls = 0, heap_bytes = 0, heap_peak = 0;
inline Heap heap() { return {heap_calls, heap_bytes, heap_peak}; }
inline void reset_heap_peak() { heap_peak = heap_bytes.load(); }

// malloc keeps a word of its own in front of each block.
inline std::size_t taken_by(void* block) { return malloc_usable_size(block) + sizeof(std::size_t); }
inline void* taken(void* block) {
  if (!block) return block;
  heap_calls.fetch_add(1, std::memory_order_relaxed);
  const auto added = taken_by(block);
  const auto bytes = heap_bytes.fetch_add(added, std::memory_order_relaxed) + added;
  if (bytes > heap_peak.load(std::memory_order_relaxed))
    heap_peak = bytes;  // by one thread, measured
  return block;
}

}  // namespace bench

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t size) noexcept { return bench::taken(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) noexcept {
  return bench::taken(__libc_calloc(count, size));
}
void* realloc(void* block, std::size_t size) noexcept {
  if (block) bench::heap_bytes.fetch_sub(bench::taken_by(block), std::memory_order_relaxed);
  return bench::taken(__libc_realloc(block, size));
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return bench::taken(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return bench::taken(__libc_memalign(alignment, size));
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
  *block = bench::taken(__libc_memalign(alignment, size));
  return *block || size == 0 ? 0 : ENOMEM;
}
void free(void* block) noexcept {
  if (block) bench::heap_bytes.fetch_sub(bench::taken_by(block), std::memory_order_relaxed);
  __libc_free(block);
}
}

#else

namespace bench {
inline constexpr bool heap_is_counted = false;
inline Heap heap() { return {}; }
inline void reset_heap_peak() {}
}  // namespace bench

#endif
