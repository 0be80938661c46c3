// A coroutine as a test case: one macro and a body.
//
//   CORO_TEST(Scope, leaving_waits_for_every_job) { co_await with_executor(…); }
//
// CORO_TEST runs the body on one thread, CORO_TEST_VIRTUAL in a SchedulingContext whose time is
// virtual: waits take none and are exact. CORO_TEST_EVERYWHERE makes three cases of it: one thread,
// four threads on an io_context, and a thread_pool; there the executors of the test take their options
// through options(…), and what body and jobs share must be thread-safe. CORO_TEST_IN_TIME does the same,
// but with one thread in virtual time; the time is coroexec::now().
//
// A body that can make no more progress fails its test, and so does one that leaves work behind on
// its context. ASSERT_* cannot be used (they return): use EXPECT_* and REQUIRE.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <exception>

#include "coroexec/error.hpp"
#include "coroexec/options.hpp"

namespace coroexec::test {

using asio::awaitable;
using std::chrono::milliseconds;

inline constexpr std::chrono::seconds patience{20};

// Ends a body whose REQUIRE failed; reported already.
struct Abandoned {};
#define REQUIRE(condition)                              \
  do {                                                  \
    if (!(condition)) {                                 \
      ADD_FAILURE() << "required, but not so: " #condition; \
      throw ::coroexec::test::Abandoned();              \
    }                                                   \
  } while (false)

enum class Setting { one_thread, virtual_time, io_context_threads, thread_pool };

class CoroCase {
 public:
  virtual ~CoroCase() = default;

  void run_in(Setting setting);

 protected:
  static constexpr int thread_count = 4;
  virtual awaitable<void> body() = 0;

  ExecutorOptions options(ExecutorOptions given = {}) const {
    given.threading = one_thread() ? Threading::single : Threading::multi;
    return given;
  }
  bool one_thread() const { return setting_ <= Setting::virtual_time; }
  bool virtual_time() const { return setting_ == Setting::virtual_time; }

  asio::any_io_executor home;  // of the context

 private:
  void run_in_one_thread();
  void run_in_virtual_time();
  template <class Context, class Run>
  void run_in_threads(Context& context, int count, Run run);
  void start(asio::any_io_executor executor);
  void stuck() const;

  Setting setting_ = Setting::one_thread;
  std::atomic<bool> ended_ = false;
};

#define CORO_TEST_BODY_(suite, name)                           \
  struct suite##_##name##_Body : ::coroexec::test::CoroCase {  \
    ::boost::asio::awaitable<void> body() override;            \
  };
#define CORO_TEST_CASE_(suite, name, suffix, setting) \
  TEST(suite, name##suffix) { suite##_##name##_Body().run_in(::coroexec::test::Setting::setting); }

#define CORO_TEST(suite, name)                  \
  CORO_TEST_BODY_(suite, name)                  \
  CORO_TEST_CASE_(suite, name, , one_thread)    \
  ::boost::asio::awaitable<void> suite##_##name##_Body::body()

#define CORO_TEST_VIRTUAL(suite, name)          \
  CORO_TEST_BODY_(suite, name)                  \
  CORO_TEST_CASE_(suite, name, , virtual_time)  \
  ::boost::asio::awaitable<void> suite##_##name##_Body::body()

#define CORO_TEST_IN_TIME(suite, name)                              \
  CORO_TEST_BODY_(suite, name)                                      \
  CORO_TEST_CASE_(suite, name, _virtual_time, virtual_time)         \
  CORO_TEST_CASE_(suite, name, _io_context_threads, io_context_threads) \
  CORO_TEST_CASE_(suite, name, _thread_pool, thread_pool)           \
  ::boost::asio::awaitable<void> suite##_##name##_Body::body()

#define CORO_TEST_EVERYWHERE(suite, name)                           \
  CORO_TEST_BODY_(suite, name)                                      \
  CORO_TEST_CASE_(suite, name, _one_thread, one_thread)             \
  CORO_TEST_CASE_(suite, name, _io_context_threads, io_context_threads) \
  CORO_TEST_CASE_(suite, name, _thread_pool, thread_pool)           \
  ::boost::asio::awaitable<void> suite##_##name##_Body::body()

}  // namespace coroexec::test
