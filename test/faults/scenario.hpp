// Small programs that together touch every public operation, each with the one result that is right.
#pragma once

#include <coroexec/coroexec.hpp>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace coroexec::faults {

using asio::awaitable;
using Home = asio::any_io_executor;  // of the context a scenario runs on

struct Scenario {
  std::string_view name;
  int expected;                      // what it gives when nothing fails
  awaitable<int> (*run)(Home home);
  bool needs_scheduling = false;     // runs on a SchedulingContext only
  std::string_view known = {};       // where Asio itself does not stand a lack of memory
};
inline constexpr std::string_view channel_without_memory = "a channel gives its operation back twice";
inline constexpr std::string_view context_without_memory = "a newer io_context that cannot be made leaks a block";

std::vector<Scenario> scope_scenarios();
std::vector<Scenario> stream_scenarios();
std::vector<Scenario> operation_scenarios();
std::vector<Scenario> toolkit_scenarios();

// An error of a scenario's own.
struct Broken : std::runtime_error {
  Broken() : std::runtime_error("broken") {}
};

// 1 if `operation` ends with an error of this kind; any other one is passed on.
template <class Error, class T>
awaitable<int> ends_with(awaitable<T> operation) {
  try {
    co_await std::move(operation);
  } catch (const Error&) {
    co_return 1;
  }
  co_return 0;
}
template <class T>
awaitable<int> ends_with(boost::system::error_code code, awaitable<T> operation) {
  try {
    co_await std::move(operation);
  } catch (const boost::system::system_error& error) {
    if (error.code() != code) throw;
    co_return 1;
  }
  co_return 0;
}

// Has it been cancelled? If it has failed instead, that is passed on.
template <class T>
int was_cancelled(const Task<T>& task) {
  if (task.state() == TaskState::failed) std::rethrow_exception(task.exception());
  return task.cancelled();
}

// Jobs of most scenarios.
inline awaitable<int> twice(int n) {
  co_await this_task::yield();
  co_return 2 * n;
}
inline awaitable<int> at_once(int n) { co_return n; }
inline awaitable<int> after(std::chrono::microseconds time, int n) {
  co_await sleep_for(time);
  co_return n;
}
inline awaitable<void> sleep_an_hour() { co_await sleep_for(std::chrono::hours(1)); }
inline awaitable<int> breaks() {
  co_await this_task::yield();
  throw Broken();
}

}  // namespace coroexec::faults
