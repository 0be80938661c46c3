// Room for one operation of Asio's, kept by who posts it: so a handler that is due is never lost because
// there is no memory to post it with, as none of Asio's own completions is.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "coroexec/config.hpp"

namespace coroexec::detail {

class PostRoom {
 public:
  static constexpr std::size_t size = 64;

  // The room, or null while it is taken. One at a time may ask, so that this needs no read-modify-write.
  void* take() noexcept {
    if (taken_.load(std::memory_order_acquire)) return nullptr;
    taken_.store(true, std::memory_order_relaxed);
    return bytes_;
  }
  // False: the block is not of here.
  bool give_back(void* block) noexcept {
    if (block != bytes_) return false;
    taken_.store(false, std::memory_order_release);
    return true;
  }

 private:
  alignas(std::max_align_t) std::byte bytes_[size];
  std::atomic<bool> taken_ = false;
};

template <class T>
class PostAllocator {
 public:
  using value_type = T;
  explicit PostAllocator(PostRoom& room) noexcept : room_(&room) {}
  template <class U>
  PostAllocator(const PostAllocator<U>& other) noexcept : room_(other.room_) {}
  T* allocate(std::size_t n) const {
    if (n * sizeof(T) <= PostRoom::size)
      if (void* block = room_->take()) return static_cast<T*>(block);
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* block, std::size_t n) const noexcept {
    if (!room_->give_back(block)) std::allocator<T>().deallocate(block, n);
  }
  friend bool operator==(const PostAllocator& a, const PostAllocator& b) noexcept { return a.room_ == b.room_; }

 private:
  template <class>
  friend class PostAllocator;
  PostRoom* room_;
};

// Posts, or dispatches, to any executor; one of an io_context gets its operation made in `room`, which must
// stay until the function runs or is destroyed.
template <class Ex, class F>
void post_in(PostRoom& room, const Ex& executor, bool may_run_now, F function) {
  const asio::io_context::executor_type* plain = nullptr;
  if constexpr (std::is_same_v<Ex, asio::io_context::executor_type>)
    plain = &executor;
  else if constexpr (requires { executor.template target<asio::io_context::executor_type>(); })
    plain = executor.template target<asio::io_context::executor_type>();
  if (!plain)
    return may_run_now ? asio::dispatch(executor, std::move(function)) : asio::post(executor, std::move(function));
  const auto in_room = asio::require(*plain, asio::execution::allocator(PostAllocator<void>(room)));
  may_run_now ? in_room.execute(std::move(function))
              : asio::require(in_room, asio::execution::blocking.never).execute(std::move(function));
}

}  // namespace coroexec::detail
