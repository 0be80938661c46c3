// A mutex that costs nothing where one thread does everything, and a reference count likewise.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

namespace coroexec::detail {

class OptionalMutex {
 public:
  explicit OptionalMutex(bool threads) noexcept : threads_(threads) {}
  bool threads() const noexcept { return threads_; }
  // For one that is made before it is known. Only while nobody holds it.
  void set_threads(bool threads) noexcept {
    if (threads_ != threads) threads_ = threads;
  }
  void lock() {
    if (threads_) mutex_.lock();
  }
  void unlock() {
    if (threads_) mutex_.unlock();
  }

 private:
  std::mutex mutex_;
  bool threads_;
};

// With `threads` false the operations are plain loads and stores: no locked instruction.
class RefCount {
 public:
  explicit RefCount(bool threads) noexcept : threads_(threads) {}
  void add() noexcept {
    if (threads_)
      count_.fetch_add(1, std::memory_order_relaxed);
    else
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  // False: the last one is gone already.
  bool add_unless_gone() noexcept {
    auto count = count_.load(std::memory_order_relaxed);
    while (count != 0)
      if (count_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return true;
    return false;
  }
  // True when the last one is gone.
  bool remove() noexcept {
    if (threads_) return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    const auto count = count_.load(std::memory_order_relaxed) - 1;
    count_.store(count, std::memory_order_relaxed);
    return count == 0;
  }
  bool threads() const noexcept { return threads_; }
  void set_threads(bool threads) noexcept {
    if (threads_ != threads) threads_ = threads;
  }
  // More than one? Then it may still become one at any moment, but not the other way round.
  bool shared() const noexcept { return count_.load(std::memory_order_acquire) > 1; }

 private:
  std::atomic<std::uint32_t> count_{1};
  bool threads_;
};

// An owning pointer to an object with retain() and release().
template <class T>
class Ref {
 public:
  Ref() = default;
  // Takes over a reference that is already counted.
  static Ref adopt(T* object) noexcept {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  explicit Ref(T* object) noexcept : object_(object) {
    if (object_) object_->retain();
  }
  Ref(const Ref& other) noexcept : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  Ref(Ref<U> other) noexcept : object_(other.leak()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->release();
  }

  T* get() const noexcept { return object_; }
  T* leak() noexcept { return std::exchange(object_, nullptr); }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace coroexec::detail
