// A list of objects that carry their own links: no allocation, removal from the middle in O(1).
#pragma once

#include <cstddef>

namespace coroexec::detail {

template <class T>
struct ListLinks {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;
};

template <class T, ListLinks<T> T::*Links>
class IntrusiveList {
 public:
  bool empty() const noexcept { return head_ == nullptr; }
  T* front() const noexcept { return head_; }
  static T* next(const T& item) noexcept { return (item.*Links).next; }
  static bool linked(const T& item) noexcept { return (item.*Links).linked; }

  void push_back(T& item) noexcept {
    auto& links = item.*Links;
    links = {tail_, nullptr, true};
    (tail_ ? (tail_->*Links).next : head_) = &item;
    tail_ = &item;
  }

  void push_front(T& item) noexcept {
    auto& links = item.*Links;
    links = {nullptr, head_, true};
    (head_ ? (head_->*Links).previous : tail_) = &item;
    head_ = &item;
  }

  T* pop_front() noexcept {
    T* item = head_;
    if (item) remove(*item);
    return item;
  }

  void remove(T& item) noexcept {
    auto& links = item.*Links;
    (links.previous ? (links.previous->*Links).next : head_) = links.next;
    (links.next ? (links.next->*Links).previous : tail_) = links.previous;
    links = {};
  }

  IntrusiveList take_all() noexcept {
    IntrusiveList all = *this;
    head_ = tail_ = nullptr;
    return all;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

}  // namespace coroexec::detail
