// Memory for job states and queue entries: freed blocks are kept per thread and used again, so that
// a steady state never calls the system allocator. A block may be freed by any thread.
#pragma once

#include <cstddef>
#include <new>

#include "coroexec/config.hpp"

namespace coroexec::detail {

COROEXEC_DECL void* allocate_block(std::size_t size);
COROEXEC_DECL void free_block(void* block, std::size_t size) noexcept;

// A base that puts a class's objects there. The destructor must be virtual for derived classes.
struct PooledObject {
  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* block, std::size_t size) noexcept { free_block(block, size); }
  // One that asks for more than the usual alignment comes from the system.
  static void* operator new(std::size_t size, std::align_val_t alignment) { return ::operator new(size, alignment); }
  static void operator delete(void* block, std::size_t, std::align_val_t alignment) noexcept {
    ::operator delete(block, alignment);
  }
};

}  // namespace coroexec::detail
