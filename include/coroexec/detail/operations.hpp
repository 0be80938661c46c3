// Operations that are parts of the caller, side by side: what gather, race and with_timeout are made
// of. They are jobs of an engine of their own, for the time of the call.
#pragma once

#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/source.hpp"
#include "coroexec/outcome.hpp"
#include "coroexec/task.hpp"

namespace coroexec::detail {

template <class T, class Ex>
using Operation = Ref<ResultJob<T, Ex>>;

// add() all of them, then start() each, then co_await join(). Lives in the caller's frame.
template <class Ex>
class Operations {
 public:
  Operations(const Ex& executor, EngineConfig config) {
    config.max_active = unlimited;
    config.part_of_caller = true;
    engine_ = BasicEngine<Ex>::make(executor, config);
  }
  Operations(const Operations&) = delete;
  ~Operations() { engine_->close(); }

  template <class T>
  Operation<T, Ex> add(asio::awaitable<T, Ex>&& operation,
                       const TaskOptions& options = no_task_options) {
    return make_job<Ex>(*engine_, options, AwaitableCall<T, Ex>(std::move(operation)));
  }
  // One that ends at once, on another thread, may have decided the matter already.
  void start(TaskBase& operation) { engine_->submit_if_open(operation); }

  // Until all have ended. Throws what the engine's policy says, and operation_aborted if the caller was
  // cancelled and one of them ended with that.
  asio::awaitable<void, Ex> join() { return engine_->run_scope({}, engine_->executor()); }

  std::uint64_t winner() const { return engine_->winner(); }
  std::vector<TaskError> errors() const { return engine_->errors(); }

 private:
  Ref<BasicEngine<Ex>> engine_;
};

// Of an operation that has succeeded; std::monostate for void.
template <class T, class Ex>
void_to_monostate<T> take_result(const Operation<T, Ex>& operation) {
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(operation->value());
}

// A range of operations, given by value, by view or by std::ref.
template <class R>
struct operation_range {
  static constexpr bool ok = false;
};
template <class R>
  requires std::ranges::input_range<typename unwrap_reference<R>::type>
struct operation_range<R> {
  using element = awaitable_traits<std::ranges::range_value_t<typename unwrap_reference<R>::type>>;
  static constexpr bool ok = element::is_awaitable;
};
template <class R>
concept OperationRange = operation_range<std::remove_cvref_t<R>>::ok;

// What people hand in for an operation: a coroutine that has not been called, a task's handle, or a range of such.
template <class A>
inline constexpr bool is_task = false;
template <class T, class Ex>
inline constexpr bool is_task<BasicTask<T, Ex>> = true;
template <class A>
concept NoSingleOperation = UncalledCoroutine<A> || is_task<std::remove_cvref_t<A>>;
template <class A>
inline constexpr bool is_range_of_none = false;
template <class A>
  requires std::ranges::input_range<A>
inline constexpr bool is_range_of_none<A> = NoSingleOperation<std::ranges::range_value_t<A>>;
template <class A>
concept NoOperation = NoSingleOperation<A> || is_range_of_none<std::remove_reference_t<A>>;

template <class R>
using range_result = typename operation_range<R>::element::result;
template <class R>
using range_executor = typename operation_range<R>::element::executor;

// Adds and starts all of a range. If it throws in the middle, none has been started. The range must live
// as long as the operations: a view may hold the closure whose coroutines they are.
template <class R, class T, class Ex>
void start_range(Operations<Ex>& operations, R& range, std::vector<Operation<T, Ex>>& started) {
  typename unwrap_reference<R>::type& elements = range;
  // An awaitable can be awaited once: it is moved out of a range that is only referred to as well.
  for (auto&& element : elements) started.push_back(operations.add(std::move(element)));
  for (auto& operation : started) operations.start(*operation);
}

}  // namespace coroexec::detail
