// The test macro itself: what it must notice.
#include "coro_test.hpp"

#include <gtest/gtest-spi.h>

#include <boost/asio/steady_timer.hpp>
#include <stdexcept>

#include "event.hpp"

namespace coroexec::test {
namespace {

struct Throws : CoroCase {
  awaitable<void> body() override {
    throw std::runtime_error("from the body");
    co_return;
  }
};
TEST(CoroTest, an_error_of_the_body_fails_the_test) {
  EXPECT_NONFATAL_FAILURE(Throws().run_in(Setting::one_thread), "the body threw: from the body");
}

struct Requires : CoroCase {
  awaitable<void> body() override {
    REQUIRE(1 + 1 == 3);
    co_return;
  }
};
TEST(CoroTest, a_requirement_ends_the_body) {
  EXPECT_NONFATAL_FAILURE(Requires().run_in(Setting::one_thread), "1 + 1 == 3");
}

// Nothing on the context refers to it: run() returns and the body has not ended.
struct Dropped : CoroCase {
  awaitable<void> body() override {
    auto lose = [](auto) {};
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(lose, asio::use_awaitable);
  }
};
TEST(CoroTest, a_body_that_is_dropped_fails_the_test) {
  EXPECT_NONFATAL_FAILURE(Dropped().run_in(Setting::one_thread), "has not ended");
}

CORO_TEST_EVERYWHERE(CoroTest, an_event_releases_all_who_wait) {
  Event event(home);
  std::atomic<int> released = 0;
  const auto waiter = [&]() -> awaitable<void> {
    co_await event.wait();
    ++released;
  };
  for (int i = 0; i < 3; ++i) asio::co_spawn(home, waiter(), [](std::exception_ptr) {});
  event.set();
  co_await event.wait();
  co_await until([&] { return released == 3; });
}

}  // namespace
}  // namespace coroexec::test
