// For tests of order: explicit events in place of sleeping until things have settled.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "coro_test.hpp"

namespace coroexec::test {

// Set once, from any thread; any number may wait. A cancelled wait throws operation_aborted. Who is to be cancelled
// in its wait, from another thread, says through `waiting` that it has got there: before, its co_await would throw.
class Event {
 public:
  explicit Event(const asio::any_io_executor& executor);
  void set();
  awaitable<void> wait(std::function<void()> waiting = {});

 private:
  struct Closed;
  std::shared_ptr<Closed> closed_;
};

// Tells of the end of a frame, however that comes.
struct SetAtExit {
  Event& event;
  ~SetAtExit() { event.set(); }
};

// Goes once through the context's queue.
awaitable<void> next_turn();

// Lets others run until the condition holds.
template <class Condition>
awaitable<void> until(Condition condition) {
  const auto given_up = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < given_up);
    co_await next_turn();
  }
}

}  // namespace coroexec::test
