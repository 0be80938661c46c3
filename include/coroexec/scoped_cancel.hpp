// ScopedCancel: cancels a task when its scope is left.
//
//   ScopedCancel heartbeat(executor.submit_nowait(beat));
//   …                                       // whichever way this is left, the heart stops
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "coroexec/detail/callable.hpp"

namespace coroexec {

// A handle whose cancel() asks for the end and does not wait.
template <class H>
concept Cancellable = requires(const H& handle) {
  handle.cancel();
  requires !detail::Awaitable<decltype(handle.cancel())>;
};

// Owns a handle, and cancels what it refers to when it dies, unless it is done, has been released or moved
// from. It does not wait: that is up to the scope the task belongs to. (asynkit's cancelling())
template <Cancellable Handle>
class [[nodiscard]] ScopedCancel {
 public:
  // Owns `handle` from here on.
  explicit ScopedCancel(Handle handle) : handle_(std::move(handle)) {}
  ScopedCancel(ScopedCancel&& other) noexcept(std::is_nothrow_move_constructible_v<Handle>)
      : handle_(std::exchange(other.handle_, std::nullopt)) {}
  ScopedCancel& operator=(ScopedCancel&&) = delete;
  ~ScopedCancel() {
    if (!handle_) return;
    try {
      handle_->cancel();
    } catch (...) {  // no memory to say it with
    }
  }

  // Not after release().
  const Handle& operator*() const noexcept { return *handle_; }
  const Handle* operator->() const noexcept { return &*handle_; }  // as operator*

  // The handle; nothing will be cancelled any more.
  Handle release() {
    Handle handle = std::move(*handle_);
    handle_.reset();
    return handle;
  }

 private:
  std::optional<Handle> handle_;
};

}  // namespace coroexec
