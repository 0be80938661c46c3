// Objects for tests: they notice a use after their death, count themselves, or throw when told to.
// And what looks at errors.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "coroexec/error.hpp"

namespace coroexec::test {

// Counts how many live in `live`, and fails the test when one is used that does not.
class Tracked {
 public:
  explicit Tracked(std::atomic<int>& live, int value = 0) : live_(&live), value_(value) { ++*live_; }
  Tracked(const Tracked& other) : live_(other.live_), value_(other.value()) { ++*live_; }
  Tracked(Tracked&& other) noexcept : live_(other.live_), value_(other.value()) { ++*live_; }
  Tracked& operator=(const Tracked& other) {
    EXPECT_EQ(mark_, alive) << "assigned to after its death";
    --*live_;
    live_ = other.live_;
    ++*live_;
    value_ = other.value();
    return *this;
  }
  ~Tracked() {
    EXPECT_EQ(mark_, alive) << "destroyed twice";
    mark_ = dead;
    --*live_;
  }
  int value() const {
    EXPECT_EQ(mark_, alive) << "used after its death";
    return value_;
  }

 private:
  static constexpr std::uint32_t alive = 0x600d1dea, dead = 0xdeaddead;
  std::atomic<int>* live_;
  int value_;
  volatile std::uint32_t mark_ = alive;  // or the compiler leaves out the last store
};

// Neither copyable nor default-constructible.
class MoveOnly {
 public:
  explicit MoveOnly(int value) : value_(value) {}
  MoveOnly(MoveOnly&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  MoveOnly& operator=(MoveOnly&&) = delete;
  int value() const { return value_; }  // -1: moved from

 private:
  int value_;
};

// Throws at the copy or move that counts `left` down to zero.
class Fragile {
 public:
  explicit Fragile(int& left) : left_(&left) {}
  Fragile(const Fragile& other) : left_(other.left_) { count(); }
  Fragile(Fragile&& other) : left_(other.left_) { count(); }
  Fragile& operator=(const Fragile&) = delete;

 private:
  void count() {
    if (--*left_ == 0) throw std::runtime_error("fragile: broken");
  }
  int* left_;
};

struct NotAnException {  // thrown all the same
  int value = 0;
};

// What a call throws, or null.
template <class Call>
std::exception_ptr error_from(Call call) {
  try {
    call();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// The same for an awaitable.
template <class T, class Ex>
boost::asio::awaitable<std::exception_ptr, Ex> error_of(boost::asio::awaitable<T, Ex> operation) {
  std::exception_ptr error;
  try {
    co_await std::move(operation);
  } catch (...) {
    error = std::current_exception();
  }
  co_return error;
}

inline std::string what(const std::exception_ptr& error) { return detail::message_of(error); }

// A system_error with this code whose text contains `text`?
inline ::testing::AssertionResult is_error(const std::exception_ptr& error,
                                           boost::system::error_code code,
                                           std::string_view text = {}) {
  if (!error) return ::testing::AssertionFailure() << "no error";
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    if (e.code() == code && std::string_view(e.what()).find(text) != std::string_view::npos)
      return ::testing::AssertionSuccess() << e.what();
    return ::testing::AssertionFailure() << "the error is: " << e.what();
  } catch (...) {
    return ::testing::AssertionFailure() << "the error is: " << what(error);
  }
}

inline ::testing::AssertionResult is_cancelled(const std::exception_ptr& error) {
  return is_error(error, boost::asio::error::operation_aborted);
}

// An exception of exactly this type?
template <class E>
bool is_a(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const E& e) {
    return typeid(e) == typeid(E);
  } catch (...) {
  }
  return false;
}

// An exception of exactly this text?
inline ::testing::AssertionResult says(const std::exception_ptr& error, std::string_view text) {
  if (error && what(error) == text) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "the error is: " << what(error);
}

}  // namespace coroexec::test
