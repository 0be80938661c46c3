// For tests of order: explicit events in place of sleeping until things have settled.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/channel_error.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "coro_test.hpp"

namespace coroexec::test {

// Set once, from any thread; any number may wait. A cancelled wait throws operation_aborted.
class Event {
 public:
  explicit Event(const asio::any_io_executor& executor) : channel_(executor) {}
  void set() { channel_.close(); }
  awaitable<void> wait() {
    boost::system::error_code ec;
    co_await channel_.async_receive(asio::redirect_error(asio::use_awaitable, ec));
    if (ec != asio::experimental::error::channel_closed)
      throw boost::system::system_error(asio::error::operation_aborted);
  }

 private:
  asio::experimental::concurrent_channel<void(boost::system::error_code)> channel_;
};

// Tells of the end of a frame, however that comes.
struct SetAtExit {
  Event& event;
  ~SetAtExit() { event.set(); }
};

// Lets others run until the condition holds.
template <class Condition>
awaitable<void> until(Condition condition) {
  const auto given_up = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < given_up);
    co_await asio::post(asio::use_awaitable);
  }
}

}  // namespace coroexec::test
