// Where a coroutine stands, asked through its handle: a Task, a CoroStart, or an awaitable that has not
// been awaited. A handle of another kind takes part with two functions of its own, found by its type:
// coro_state() and coro_get_frame().
#pragma once

#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <cstdint>

#include "coroexec/config.hpp"
#include "coroexec/task.hpp"

namespace coroexec {

// The states of a coroutine.
enum class CoroState : std::uint8_t {
  fresh,      // nothing of it has run
  running,    // the caller is in it, however deep
  suspended,  // it waits; or, asked from another thread, it may run there
  finished,   // returned, threw, was closed, or will never start
};

// Where it stands now.
template <class T, class Ex>
CoroState coro_state(const BasicTask<T, Ex>& task) noexcept {
  if (task.done()) return CoroState::finished;
  if (task.state() == TaskState::queued) return CoroState::fresh;
  return detail::executes_here(*detail::TaskAccess::job(task)) ? CoroState::running : CoroState::suspended;
}
// An awaitable that has been moved from, as awaiting does, is finished as far as it can tell.
template <class T, class Ex>
CoroState coro_state(const asio::awaitable<T, Ex>& coroutine) noexcept {
  return coroutine.valid() ? CoroState::fresh : CoroState::finished;
}

// What has a coro_state().
template <class Handle>
concept CoroHandle = requires(const Handle& handle) {
  { coro_state(handle) } -> std::same_as<CoroState>;
};

// (asynkit.coro_is_new, …; its documentation says coro_is_done, its code coro_is_finished)
template <CoroHandle Handle>
bool coro_is_new(const Handle& handle) noexcept {
  return coro_state(handle) == CoroState::fresh;
}
template <CoroHandle Handle>
bool coro_is_suspended(const Handle& handle) noexcept {
  return coro_state(handle) == CoroState::suspended;
}
template <CoroHandle Handle>
bool coro_is_finished(const Handle& handle) noexcept {
  return coro_state(handle) == CoroState::finished;
}
template <CoroHandle Handle>
bool coro_is_done(const Handle& handle) noexcept {
  return coro_is_finished(handle);
}

// An address that stands for the coroutine as long as it lives; null once it has finished.
template <class T, class Ex>
const void* coro_get_frame(const BasicTask<T, Ex>& task) noexcept {
  return task.done() ? nullptr : detail::TaskAccess::job(task).get();
}
template <class T, class Ex>
const void* coro_get_frame(const asio::awaitable<T, Ex>& coroutine) noexcept {
  return coroutine.valid() ? &coroutine : nullptr;
}

}  // namespace coroexec
