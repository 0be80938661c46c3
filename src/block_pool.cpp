#include "coroexec/detail/block_pool.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

// A sanitizer must see every block come and go, so it gets the plain allocator.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COROEXEC_PLAIN_BLOCKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COROEXEC_PLAIN_BLOCKS 1
#endif
#endif

namespace coroexec::detail {

#if defined(COROEXEC_PLAIN_BLOCKS)

void* allocate_block(std::size_t size) { return ::operator new(size); }
void free_block(void* block, std::size_t) noexcept { ::operator delete(block); }

#else

namespace {

constexpr std::size_t granularity = 16;
constexpr std::size_t classes = 48;  // blocks of up to 768 bytes; larger ones go to the allocator
constexpr std::uint32_t batch = 512;  // blocks a thread hands to the depot at once

struct Block {
  Block* next;
};

struct Chain {
  Block* head = nullptr;
  std::uint32_t count = 0;
};

// Jobs made by one thread and freed by another would fill one thread's cache and drain the other's:
// full batches pass through here. At most `batches` a class are kept, the rest is given back.
class Depot {
 public:
  bool put(std::size_t size_class, Chain chain) noexcept {
    std::lock_guard lock(mutex_);
    auto& shelf = shelves_[size_class];
    if (shelf.filled == batches) return false;
    shelf.chains[shelf.filled++] = chain;
    return true;
  }

  Chain take(std::size_t size_class) noexcept {
    std::lock_guard lock(mutex_);
    auto& shelf = shelves_[size_class];
    return shelf.filled ? shelf.chains[--shelf.filled] : Chain{};
  }

 private:
  static constexpr std::size_t batches = 16;
  struct Shelf {
    std::array<Chain, batches> chains;
    std::size_t filled = 0;
  };
  std::mutex mutex_;
  std::array<Shelf, classes> shelves_;
};

// Never destroyed: threads and static objects that end late still free blocks. A leak checker sees
// what it holds as reachable through this reference.
Depot& depot() {
  static Depot& instance = *new Depot;
  return instance;
}

void release(Block* block) noexcept {
  while (block) ::operator delete(std::exchange(block, block->next));
}

struct ThreadCache {
  std::array<Chain, classes> free{};
  std::array<Chain, classes> spare{};  // a full batch, so that a thread at the edge does not bounce

  // Nothing is kept after the thread's other objects have begun to die.
  bool closed = false;
  ~ThreadCache() {
    closed = true;
    for (auto* side : {&free, &spare})
      for (auto& chain : *side) release(std::exchange(chain.head, nullptr));
  }
};

thread_local ThreadCache cache;

constexpr std::size_t class_of(std::size_t size) { return (size - 1) / granularity; }

Block* refill(std::size_t size_class) {
  if (cache.closed) return nullptr;
  auto& chain = cache.free[size_class];
  auto& spare = cache.spare[size_class];
  chain = spare.head ? std::exchange(spare, {}) : depot().take(size_class);
  return chain.head;
}

void make_room(std::size_t size_class) noexcept {
  auto& chain = cache.free[size_class];
  auto& spare = cache.spare[size_class];
  if (spare.head && !depot().put(size_class, spare)) release(spare.head);
  spare = std::exchange(chain, {});
}

}  // namespace

void* allocate_block(std::size_t size) {
  const auto size_class = class_of(size);
  if (size_class >= classes) return ::operator new(size);
  auto& chain = cache.free[size_class];
  Block* block = chain.head ? chain.head : refill(size_class);
  if (!block) return ::operator new((size_class + 1) * granularity);
  chain.head = block->next;
  --chain.count;
  return block;
}

void free_block(void* memory, std::size_t size) noexcept {
  const auto size_class = class_of(size);
  if (size_class >= classes || cache.closed) return ::operator delete(memory);
  auto& chain = cache.free[size_class];
  if (chain.count == batch) make_room(size_class);
  chain.head = new (memory) Block{chain.head};
  ++chain.count;
}

#endif

}  // namespace coroexec::detail
