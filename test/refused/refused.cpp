// Wrong uses, each with the sentence that the compiler must say about it, and no other error. Behind `//!` stands how the
// sentence begins; `//!+`: among errors of the compiler's own; `|`: or. All are compiled at once, so no two are of the same types.
#include <boost/asio.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coroexec/coroexec.hpp"

using namespace coroexec;
using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::io_context;

awaitable<int> job() { co_return 1; }
awaitable<int> job_of(int n) { co_return n; }
awaitable<int> job_of_text(std::string text) { co_return static_cast<int>(text.size()); }
awaitable<int> job_of_reference(int& n) { co_return n; }
awaitable<int, io_context::executor_type> job_elsewhere() { co_return 1; }

void right_uses(CoroutineExecutor& executor, AioPool& pool) {
  executor.submit_nowait(job);
  pool.spawn_n(job, [](std::optional<int>) -> awaitable<void> { co_return; });
}

#if defined(REFUSED)

// ---- jobs

//! coroexec: the job must be a coroutine: it has to return boost::asio::awaitable<T>
void job_that_is_no_coroutine(CoroutineExecutor& executor) {
  executor.submit_nowait([] { return 1; });
}

//! coroexec: the job cannot be called with these arguments
void job_of_wrong_arguments(CoroutineExecutor& executor) {
  executor.submit_nowait(job_of, std::string("not a number"));
}

//! coroexec: the job cannot be called with these arguments
void job_without_its_arguments(CoroutineExecutor& executor) { executor.submit_nowait(job_of); }

//! coroexec: the job cannot be called with these arguments; they are passed on as rvalues, as std::thread does, so an lvalue reference needs std::ref
void job_that_takes_a_reference(CoroutineExecutor& executor) {
  int n = 1;
  executor.submit_nowait(job_of_reference, n);
}

//! coroexec: a callable and its arguments are copied or moved into the job, which one of these cannot be: use std::move, or std::ref
void argument_that_cannot_be_copied(CoroutineExecutor& executor) {
  const auto take = [](std::unique_ptr<int>) -> awaitable<void> { co_return; };
  auto owned = std::make_unique<int>(1);
  executor.submit_nowait(take, owned);
}

//! coroexec: the job cannot be called with these arguments; they are passed on as rvalues, as std::thread does, so an lvalue reference needs std::ref
void scope_by_value(CoroutineExecutor& executor) {
  const auto more = [](CoroutineExecutor&) -> awaitable<void> { co_return; };
  executor.submit_nowait(more, executor);
}

//! coroexec: the job's awaitable must have the executor type of the executor or pool it is handed to
void job_of_another_executor_type(CoroutineExecutor& executor) {
  executor.submit_nowait(job_elsewhere);
}

//! coroexec: a job's result must not be std::exception_ptr
void job_that_gives_an_exception_ptr(CoroutineExecutor& executor) {
  executor.submit_nowait([]() -> awaitable<std::exception_ptr> { co_return nullptr; });
}

//! coroexec: an awaitable is handed in by value: use std::move
void awaitable_by_reference(AioPool& pool) {
  auto named = job();
  pool.spawn_n(named);
}

//! coroexec: these are the options of a scope, those of a job are TaskOptions
void options_of_the_wrong_kind(CoroutineExecutor& executor) {
  executor.submit_nowait(PoolOptions{}, job);
}

//! coroexec: the initializer cannot be called with these arguments
void initializer_of_a_wrong_type(CoroutineExecutor& executor) {
  executor.set_initializer([](int) {}, std::string("not a number"));
}

//! coroexec: nothing happens until it is awaited | declared with 'nodiscard' attribute
void submit_without_co_await(CoroutineExecutor& executor) { executor.submit(job); }

//! coroexec: nothing happens until it is awaited | declared with 'nodiscard' attribute
void scope_without_co_await() {
  with_executor([](CoroutineExecutor&) -> awaitable<void> { co_return; });
}

// ---- callbacks

//! coroexec: the callback must take (std::optional<T> result)
void callback_without_parameters(AioPool& pool) {
  pool.spawn_n(job, []() -> awaitable<void> { co_return; });
}

//! coroexec: the callback must take (std::optional<T> result)
void callback_of_the_bare_result(AioPool& pool) {
  pool.spawn_n(job, [](std::string) -> awaitable<void> { co_return; });
}

//! coroexec: the callback must be a coroutine
void callback_that_is_no_coroutine(AioPool& pool) {
  pool.spawn_n(job, [](std::optional<int>) { return 1; });
}

//! coroexec: at most a callback and its context follow the input
void too_many_arguments_of_map(AioPool& pool, std::vector<int> input) {
  auto results = pool.map(job_of, input, [](std::optional<int>) -> awaitable<int> { co_return 1; }, 1, 2);
}

//! coroexec: getres:: or IterOptions is the last argument
void getres_before_the_callback(AioPool& pool, std::vector<int> input) {
  auto results = pool.map(job_of, input, getres::pair, [](std::optional<int>) -> awaitable<int> { co_return 2; });
}

// ---- inputs

//! coroexec: the input must be a range, an asynchronous source
void input_that_is_none(AioPool& pool) { auto results = pool.itermap(job_of, 5); }

//! coroexec: map needs an input after the function
void map_without_input(CoroutineExecutor& executor) { executor.map(job_of); }

//! coroexec: the job cannot be called with these arguments
void function_of_another_element(CoroutineExecutor& executor, std::vector<int> input) {
  auto results = executor.map(job_of_text, input);
}

//! coroexec: several inputs are read side by side only if all are ranges
void inputs_of_both_kinds(CoroutineExecutor& executor, std::vector<int> input, AsyncGenerator<int> stream) {
  const auto sum = [](int a, int b) -> awaitable<int> { co_return a + b; };
  auto results = executor.map(sum, input, std::move(stream));
}

//! coroexec: map_n does not wait, so its input must be a range
void map_n_of_a_stream(AioPool& pool, AsyncGenerator<int> stream) {
  auto results = pool.map_n(job_of, std::move(stream));
}

//! coroexec: concurrent takes awaitables, or callables without parameters that return one
void concurrent_of_numbers(std::vector<int> input) { concurrent(input); }

//! coroexec: the input must be a range, an asynchronous source
void concurrent_of_a_number() { concurrent(5); }

//! coroexec: inflate's function must take an element and return a range of awaitables
void inflate_without_awaitables(std::vector<int> input) {
  inflate(input, [](int n) { return std::vector<int>(1, n); });
}

//! coroexec: a generator's body must be a coroutine awaitable<void>(Yield<T>)
void generator_body_that_is_no_coroutine() {
  auto stream = generate<int>([](Yield<int>) { return 1; });
}

//! coroexec: a generator's body must be a coroutine awaitable<void>(Yield<T>)
void generator_of_another_type() {
  auto stream = generate<int>([](Yield<std::string>) -> awaitable<void> { co_return; });
}

//! coroexec: for_each's function must take an element of the stream
void function_that_takes_no_element(AsyncGenerator<int> stream) {
  auto done = for_each(std::move(stream), [](std::string) {});
}

// ---- scopes

//! coroexec: the body of a scope must take a reference to it
void body_of_another_scope() {
  auto done = with_executor([](AioPool&) -> awaitable<void> { co_return; });
}

//!+ coroexec: the body of a scope must take a reference to it
void body_that_copies_the_scope() {
  auto done = with_pool(1, [](AioPool) -> awaitable<void> { co_return; });
}

//! coroexec: the body of a scope must be a coroutine
void body_that_is_no_coroutine() {
  auto done = with_task_group([](TaskGroup&) { return 1; });
}

//! coroexec: the options of a CoroutineExecutor are ExecutorOptions
void executor_with_options_of_a_pool() {
  with_executor(PoolOptions{}, [](CoroutineExecutor&) -> awaitable<void> { co_return; });
}

//! coroexec: the options of an AioPool are PoolOptions
void pool_with_options_of_an_executor() {
  with_pool(ExecutorOptions{}, [](AioPool&) -> awaitable<void> { co_return; });
}

//! coroexec: a task that is started with start<V>() takes a TaskStatus<V> after its other arguments
void task_without_a_status(TaskGroup& group) { auto started = group.start<int>(job_of, 1); }

//! coroexec: the job must be a coroutine
void main_that_is_no_coroutine() { run([] { return 1; }); }

// ---- operations

//! coroexec: gather takes awaitables, or a range of them
void gather_of_functions() { gather(job, job); }

//! coroexec: gather takes awaitables, or a range of them
void gather_of_tasks(std::vector<Task<int>> tasks) { gather(tasks); }

//! coroexec: race takes awaitables, or a range of them
void race_of_functions() { race(job, job); }

//! coroexec: with_timeout takes an awaitable
void timeout_of_a_function() { with_timeout(1s, job); }

//! coroexec: shield takes an awaitable
void shield_of_a_function() { shield(job); }

//! coroexec: as_outcome takes an awaitable
void outcome_of_a_function() { as_outcome(job); }

//! coroexec: wait takes a std::vector of tasks with results of one type
void wait_for_one_task(Task<int> task) { wait(task); }

// ---- the toolkit

//! coroexec: a monitored coroutine is an awaitable, or a callable without parameters that returns one
void monitor_of_a_function_with_parameters() { Monitor<int>()(job_of); }

//! coroexec: this is no message of this monitor: it cannot be converted to its Out
void monitor_message_of_another_type(Monitor<int> monitor) { monitor.oob(std::string("text")); }

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
//! coroexec: GCC 12 would destroy this temporary twice inside a co_await expression
void temporary_that_gcc_12_destroys_twice(CoroutineExecutor& executor) {
  auto owned = std::make_shared<int>(1);
  auto task = executor.submit([owned]() -> awaitable<int> { co_return *owned; });
}
#endif

#endif
