// Takes the place of operator new, and of aligned_alloc(), which Asio's cache of frames uses.
#include "memory.hpp"

#include <atomic>
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define FAULTS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAULTS_SANITIZED 1
#endif
#endif

namespace coroexec::faults {
namespace {

struct ThisThread {
  bool counts = false;
  bool failed = false;
  std::size_t count = 0;
  std::size_t n = 0;
};
constinit thread_local ThisThread this_thread;

std::atomic<std::size_t> live = 0;

// Where to stop with a debugger.
[[gnu::noinline]] void hit() noexcept { this_thread.failed = true; }

bool refused() noexcept {
  auto& t = this_thread;
  if (!t.counts) return false;
  ++t.count;
  if (t.count != t.n) return false;
  hit();
  return true;
}

void* allocate(std::size_t size) noexcept {
  void* block = refused() ? nullptr : std::malloc(size ? size : 1);
  if (block) ++live;
  return block;
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  void* block = nullptr;
  if (refused() || posix_memalign(&block, std::max(alignment, sizeof(void*)), size ? size : 1) != 0) return nullptr;
  ++live;
  return block;
}

void deallocate(void* block) noexcept {
  if (!block) return;
  --live;
  std::free(block);
}

void* or_throw(void* block) {
  if (!block) throw std::bad_alloc();
  return block;
}

}  // namespace

CountedMemory::CountedMemory(std::size_t n) noexcept {
  this_thread = {.counts = true, .n = n};
}
CountedMemory::~CountedMemory() { this_thread.counts = false; }
std::size_t CountedMemory::count() const noexcept { return this_thread.count; }
bool CountedMemory::failed() const noexcept { return this_thread.failed; }
void CountedMemory::relent() noexcept { this_thread.n = 0; }

NotCounted::NotCounted() noexcept : before_(this_thread.counts) { this_thread.counts = false; }
NotCounted::~NotCounted() { this_thread.counts = before_; }

std::size_t live_blocks() noexcept { return live; }

// ---- blocks of aligned_alloc() end in free(), as many others do: these are known by their addresses

#if !defined(FAULTS_SANITIZED)
namespace {

class Addresses {
 public:
  void add(void* block) noexcept {
    std::lock_guard lock(mutex_);
    auto i = place(block);
    while (slots_[i] > gone) i = next(i);
    slots_[i] = reinterpret_cast<std::uintptr_t>(block);
  }
  bool remove(void* block) noexcept {
    std::lock_guard lock(mutex_);
    for (auto i = place(block); slots_[i] != 0; i = next(i)) {
      if (slots_[i] != reinterpret_cast<std::uintptr_t>(block)) continue;
      slots_[i] = slots_[next(i)] == 0 ? 0 : gone;
      return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t size = 1 << 16;
  static constexpr std::uintptr_t gone = 1;
  static std::size_t place(void* block) noexcept { return (reinterpret_cast<std::uintptr_t>(block) >> 4) % size; }
  static std::size_t next(std::size_t i) noexcept { return (i + 1) % size; }
  std::mutex mutex_;
  std::uintptr_t slots_[size] = {};
};
constinit Addresses addresses;

}  // namespace
#endif

}  // namespace coroexec::faults

namespace faults = coroexec::faults;

extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
#if defined(FAULTS_SANITIZED)  // frees are the sanitizer's, which finds what leaks
  void* block = nullptr;
  if (faults::refused() || posix_memalign(&block, alignment, size) != 0) return nullptr;
#else
  void* block = faults::allocate(size, alignment);
  if (block) faults::addresses.add(block);
#endif
  return block;
}

#if !defined(FAULTS_SANITIZED)
extern "C" void __libc_free(void*);
extern "C" void free(void* block) noexcept {
  if (block && faults::addresses.remove(block)) --faults::live;
  __libc_free(block);
}
#endif

void* operator new(std::size_t size) { return faults::or_throw(faults::allocate(size)); }
void* operator new(std::size_t size, std::align_val_t a) {
  return faults::or_throw(faults::allocate(size, static_cast<std::size_t>(a)));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return faults::allocate(size); }
void* operator new(std::size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
  return faults::allocate(size, static_cast<std::size_t>(a));
}
void operator delete(void* block) noexcept { faults::deallocate(block); }
void operator delete(void* block, std::size_t) noexcept { faults::deallocate(block); }
void operator delete(void* block, std::align_val_t) noexcept { faults::deallocate(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { faults::deallocate(block); }
