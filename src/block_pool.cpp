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

// Jobs made by one thread and freed by another would fill one thread's cache and drain the other's:
// full batches pass through here. At most `batches` a class are kept, the rest is given back.
class Depot {
 public:
  bool put(std::size_t size_class, Block* batch_of_blocks) noexcept {
    std::lock_guard lock(mutex_);
    auto& shelf = shelves_[size_class];
    if (shelf.filled == batches) return false;
    shelf.chains[shelf.filled++] = batch_of_blocks;
    return true;
  }

  Block* take(std::size_t size_class) noexcept {
    std::lock_guard lock(mutex_);
    auto& shelf = shelves_[size_class];
    return shelf.filled ? shelf.chains[--shelf.filled] : nullptr;
  }

 private:
  static constexpr std::size_t batches = 16;
  struct Shelf {
    std::array<Block*, batches> chains;
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
  struct Chain {
    Block* head;
    std::uint32_t room;  // for so many more
  };
  std::array<Chain, classes> free;
  std::array<Block*, classes> spare;  // a full batch, so that a thread at the edge does not bounce
};

// Before the thread keeps blocks and after: there is neither a block nor room for one, and the usual way through
// needs to ask nothing else. Never written.
constinit ThreadCache none{};

// A pointer, because the shared library's storage for threads is to be small (src/CMakeLists.txt).
constinit thread_local ThreadCache* cache = &none;

// Nothing is kept after the thread's other objects have begun to die.
class Keeping {
 public:
  Keeping() noexcept {
    auto* const made = new (std::nothrow) ThreadCache{};
    if (!made) return;
    for (auto& chain : made->free) chain.room = batch;
    cache = made;
  }
  ~Keeping() {
    auto* const made = std::exchange(cache, &none);
    if (made == &none) return;
    for (auto& chain : made->free) release(chain.head);
    for (auto* block : made->spare) release(block);
    delete made;
  }
};

bool keeps_blocks() {
  static thread_local const Keeping keeping;
  return cache != &none;
}

constexpr std::size_t class_of(std::size_t size) { return (size - 1) / granularity; }

void* take(ThreadCache::Chain& chain) noexcept {
  Block* const block = chain.head;
  chain.head = block->next;
  ++chain.room;
  return block;
}

void put(ThreadCache::Chain& chain, void* memory) noexcept {
  chain.head = new (memory) Block{chain.head};
  --chain.room;
}

[[gnu::noinline]] void* refill_and_take(std::size_t size_class) {
  if (keeps_blocks()) {
    auto& chain = cache->free[size_class];
    auto& spare = cache->spare[size_class];
    chain.head = spare ? std::exchange(spare, nullptr) : depot().take(size_class);
    if (chain.head) {
      chain.room = 0;
      return take(chain);
    }
  }
  return ::operator new((size_class + 1) * granularity);
}

[[gnu::noinline]] void make_room_and_put(std::size_t size_class, void* memory) noexcept {
  if (!keeps_blocks()) return ::operator delete(memory);
  auto& chain = cache->free[size_class];
  if (chain.room == 0) {
    auto& spare = cache->spare[size_class];
    if (spare && !depot().put(size_class, spare)) release(spare);
    spare = std::exchange(chain.head, nullptr);
    chain.room = batch;
  }
  put(chain, memory);
}

}  // namespace

void* allocate_block(std::size_t size) {
  const auto size_class = class_of(size);
  if (size_class >= classes) return ::operator new(size);
  auto& chain = cache->free[size_class];
  return chain.head ? take(chain) : refill_and_take(size_class);
}

void free_block(void* memory, std::size_t size) noexcept {
  const auto size_class = class_of(size);
  if (size_class >= classes) return ::operator delete(memory);
  auto& chain = cache->free[size_class];
  chain.room > 0 ? put(chain, memory) : make_room_and_put(size_class, memory);
}

#endif

}  // namespace coroexec::detail
