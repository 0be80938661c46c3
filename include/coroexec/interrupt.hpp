// task_throw and task_interrupt: any exception, raised in another task.
//
//   task_throw(session, ConfigChanged());            // the session's current wait ends with it
//
// The timeouts that know their own interrupt are with_timeout(Timeout&, …).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

#include "coroexec/task.hpp"

namespace coroexec {

// Has `error` raised in `task` where it waits now, or waits next, once: unlike a cancel it does not stay, and
// a task that catches it goes on. A task that has not started never does, and fails with it.
//
// It is raised by the library's own waits: sleep_for, a task's wait() and get(), gather, race, with_timeout,
// and the end of a scope or a group. Their operations and jobs are cancelled first, and joined. An Asio
// operation that is awaited directly ends with operation_aborted, as Asio has no other way, and the cancel
// stays until uncancel(); if the task ends by that, its error is `error`. `co_await gather(operation)` makes a
// wait of the library of it.
//
// A cancel that comes before it has been raised takes its place. Throws invalid-state if the task is done, is
// being cancelled or interrupted already, or is the caller. Any thread.
template <class T, class Executor>
void task_throw(const BasicTask<T, Executor>& task, std::exception_ptr error) {
  auto& job = *detail::TaskAccess::job(task);
  job.engine().interrupt(job, std::move(error));
}
template <class T, class Executor, std::derived_from<std::exception> E>
void task_throw(const BasicTask<T, Executor>& task, E error) {
  task_throw(task, std::make_exception_ptr(std::move(error)));
}

namespace detail {

template <class Ex>
asio::awaitable<void, Ex> interrupt_and_wait(Ref<TaskBase> job, std::exception_ptr error) {
  auto& engine = job->engine();
  engine.interrupt(*job, std::move(error));
  const auto over = [&] { return engine.interruption_is_over_locked(*job); };
  co_await wait_or_throw<Ex>(engine.interrupters(), engine.mutex(), Condition(over));
}

}  // namespace detail

// The same, and waits until it has been raised, or the task has ended or taken the cancel back. Cancelling
// this wait throws operation_aborted; the interruption goes on.
template <class T, class Executor>
asio::awaitable<void, Executor> task_interrupt(BasicTask<T, Executor> task, std::exception_ptr error) {
  return detail::interrupt_and_wait<Executor>(detail::TaskAccess::job(task), std::move(error));
}
template <class T, class Executor, std::derived_from<std::exception> E>
asio::awaitable<void, Executor> task_interrupt(BasicTask<T, Executor> task, E error) {
  return task_interrupt(std::move(task), std::make_exception_ptr(std::move(error)));
}

}  // namespace coroexec
