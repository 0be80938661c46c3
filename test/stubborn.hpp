// An operation that has to be cancelled, and takes its time with it.
#pragma once

#include <atomic>
#include <exception>
#include <optional>
#include <stdexcept>

#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {

// Tells that it waits. When it is cancelled it cleans up with awaits and says so: whoever sees `cleaned_up`
// has joined it. Then it ends as cancelled, or with an error of its own, or as if nothing had happened.
class Stubborn {
 public:
  explicit Stubborn(const asio::any_io_executor& executor) : never_(executor) {}

  awaitable<int> operator()() { return wait(std::exception_ptr()); }
  awaitable<int> fails(std::exception_ptr error) { return wait(error); }
  awaitable<int> fails(const char* text) {
    return wait(std::make_exception_ptr(std::runtime_error(text)));
  }
  awaitable<int> swallows() { return wait(std::nullopt); }

  std::atomic<int> waiting = 0, cleaned_up = 0;

 private:
  awaitable<int> wait(std::optional<std::exception_ptr> end) {
    const auto error = co_await error_of(never_.wait([this] { ++waiting; }));
    co_await this_task::uncancel();
    for (int i = 0; i < 5; ++i) co_await this_task::yield();
    ++cleaned_up;
    if (end) std::rethrow_exception(*end ? *end : error);
    co_return cleaned_up.load();
  }
  Event never_;
};

}  // namespace coroexec::test
