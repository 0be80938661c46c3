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
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <exception>
#include <future>
#include <string>
#include <vector>

#include "coroexec/detail/context_service.hpp"
#include "coroexec/error.hpp"
#include "coroexec/options.hpp"
#include "coroexec/scheduling.hpp"

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

  void run_in(Setting setting) {
    setting_ = setting;
    if (setting == Setting::one_thread) return run_in_one_thread();
    if (setting == Setting::virtual_time) return run_in_virtual_time();
    if (setting == Setting::thread_pool) {
      asio::thread_pool pool(thread_count);
      start(pool.get_executor());
      return run_in_threads(pool, 1, [&] { pool.join(); });
    }
    asio::io_context context(thread_count);
    start(context.get_executor());
    run_in_threads(context, thread_count, [&] { context.run(); });
  }

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
  void start(asio::any_io_executor executor) {
    home = executor;
    asio::co_spawn(executor, body(), [this](std::exception_ptr error) {
      ended_ = true;
      try {
        if (error) std::rethrow_exception(error);
      } catch (const Abandoned&) {
      } catch (...) {
        ADD_FAILURE() << "the body threw: " << detail::message_of(error);
      }
    });
  }

  void stuck() const {
    ADD_FAILURE() << (ended_ ? "the body has ended, but left work behind on its context"
                             : "stuck: neither the body nor a job can make progress");
  }

  void run_in_one_thread() {
    asio::io_context context(1);
    asio::execution_context& any_context = context;
    detail::ContextService::of(any_context).set_single_threaded();
    start(context.get_executor());
    while (!context.stopped())
      if (context.run_for(patience) == 0 && !context.stopped()) return stuck();
    EXPECT_TRUE(ended_) << "nothing is left to do, but the body has not ended";
  }

  void run_in_virtual_time() {
    SchedulingContext context({.virtual_time = true});
    home = context.get_executor();
    try {
      context.run([this] { return body(); });
    } catch (const Abandoned&) {
    } catch (...) {
      ADD_FAILURE() << "the body threw: " << detail::message_of(std::current_exception());
    }
    for (auto& task : all_tasks(context)) ADD_FAILURE() << "left behind: " << task.label();
  }

  template <class Context, class Run>
  void run_in_threads(Context& context, int count, Run run) {
    std::vector<std::future<void>> threads;
    for (int i = 0; i < count; ++i) threads.push_back(std::async(std::launch::async, run));
    for (auto& thread : threads) {
      if (thread.wait_for(patience) == std::future_status::ready) continue;
      context.stop();
      return stuck();
    }
    EXPECT_TRUE(ended_) << "nothing is left to do, but the body has not ended";
  }

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
