// A test whose body is a job: eager(), create_task() and context variables need one.
#pragma once

#include <string>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/eager.hpp"

#define CORO_TEST_AS_JOB(suite, name)                                                        \
  struct suite##_##name##_Job {                                                      \
    static ::boost::asio::awaitable<void> body(::boost::asio::any_io_executor home); \
  };                                                                                 \
  CORO_TEST(suite, name) {                                                           \
    const auto job = ::coroexec::create_task(home, suite##_##name##_Job::body(home)); \
    co_await job.get();                                                              \
  }                                                                                  \
  ::boost::asio::awaitable<void> suite##_##name##_Job::body(                         \
      [[maybe_unused]] ::boost::asio::any_io_executor home)

namespace coroexec::test {

// What happened, in order.
class Log {
 public:
  void operator()(const std::string& entry) { text_ += (text_.empty() ? "" : " ") + entry; }
  std::string take() { return std::exchange(text_, {}); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace coroexec::test
