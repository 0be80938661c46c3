// race(operations…): several awaitables at once, the first success counts.
//
//   auto winner = co_await race(ask(mirror_1), ask(mirror_2));
//   use(std::get<0>(winner));                     // which it is: winner.index()
#pragma once

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "coroexec/detail/operations.hpp"

namespace coroexec {

// The winner's result, in its place, and the errors of those that failed, in the order they happened:
// before the win, or after it while they were being cancelled. An error's `id` is the operation's place,
// from 1. One that ended by being cancelled has no error.
template <class... T>
class RaceResult : public std::variant<T...> {
 public:
  using std::variant<T...>::variant;
  // Made by race().
  RaceResult(std::variant<T...>&& winner, std::vector<TaskError> errors)
      : std::variant<T...>(std::move(winner)), errors_(std::move(errors)) {}
  const std::vector<TaskError>& errors() const noexcept { return errors_; }  // of those that failed

 private:
  std::vector<TaskError> errors_;
};

// The same for a range.
template <class T>
struct RangeRaceResult {
  std::size_t index;              // the winner's place, from 0
  T value;                        // its result
  std::vector<TaskError> errors;  // as RaceResult::errors()
};

namespace detail {

inline EngineConfig race_config() {
  return {.policy = ErrorPolicy::collect, .kind = "race", .first_success = true};
}

[[noreturn]] COROEXEC_DECL void throw_nothing_to_race();

template <class Ex, class... T, std::size_t... Place>
auto take_winner(const Operations<Ex>& operations, const std::tuple<Operation<T, Ex>...>& started,
                 std::index_sequence<Place...>) {
  std::optional<std::variant<void_to_monostate<T>...>> winner;
  ((Place + 1 == operations.winner()
        ? void(winner.emplace(std::in_place_index<Place>, take_result(std::get<Place>(started))))
        : void()),
   ...);
  return RaceResult<void_to_monostate<T>...>(std::move(*winner), operations.errors());
}

template <class Ex, class... T>
asio::awaitable<RaceResult<void_to_monostate<T>...>, Ex> race_each(asio::awaitable<T, Ex>... given) {
  const Ex executor = co_await asio::this_coro::executor;
  Operations<Ex> operations(executor, race_config());
  const std::tuple<Operation<T, Ex>...> started{operations.add(std::move(given))...};
  std::apply([&](auto&... operation) { (operations.start(*operation), ...); }, started);
  co_await operations.join();
  co_return take_winner(operations, started, std::index_sequence_for<T...>());
}

template <class R, class T = range_result<R>, class Ex = range_executor<R>>
asio::awaitable<RangeRaceResult<void_to_monostate<T>>, Ex> race_range(R range) {
  const Ex executor = co_await asio::this_coro::executor;
  Operations<Ex> operations(executor, race_config());
  std::vector<Operation<T, Ex>> started;
  start_range(operations, range, started);
  if (started.empty()) throw_nothing_to_race();
  co_await operations.join();
  const std::size_t index = operations.winner() - 1;
  co_return RangeRaceResult<void_to_monostate<T>>{index, take_result(started[index]), operations.errors()};
}

}  // namespace detail

// Awaits all `operations` at once; the first that succeeds cancels the others, which are waited for, and
// its result is given (std::monostate for void). One that fails leaves the race to the others; its error
// is in the result's errors(). If all fail a TaskGroupError with every error is thrown. A cancel of the
// caller cancels all: then it is operation_aborted, unless one has won, or has failed. An empty range
// is invalid-argument. Order and threads as with gather. (asyncio.wait(…, FIRST_COMPLETED), done right)
template <class Executor, class... T>
COROEXEC_AWAITED auto race(asio::awaitable<T, Executor>... operations) {
  return detail::race_each<Executor, T...>(std::move(operations)...);
}
template <detail::OperationRange R>
COROEXEC_AWAITED auto race(R&& range) {
  return detail::race_range<std::decay_t<R>>(std::forward<R>(range));
}

// Refuses what has not been called, and handles.
template <detail::NoOperation... A>
void race(A&&...) {
  static_assert(
      detail::never<A...>,
      "coroexec: race takes awaitables, or a range of them: call the coroutines, and co_await "
      "a task's get()");
}

}  // namespace coroexec
