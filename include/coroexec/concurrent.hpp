// concurrent(source): runs what a source gives, a bounded number at a time, and streams the results as
// they come. A module of its own: no executor or pool is needed.
//
//   auto pages = concurrent(fetches, {.limit = 10});
//   while (auto page = co_await pages.next()) show(*page);
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "coroexec/async_generator.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/detail/result_stream.hpp"

namespace coroexec {

// limit: jobs at once, and results waiting to be read. -1: no limit. Default: cores + 4, at most 32.
struct ConcurrentOptions {
  static constexpr std::ptrdiff_t automatic = 0x7fffffff;  // cores + 4, at most 32
  std::ptrdiff_t limit = automatic;            // of the jobs at once, and unread results
  Threading threading = Threading::automatic;  // as in ExecutorOptions
};

// What a stream of concurrent() reports: cause() is the original exception.
class COROEXEC_DECL ConcurrentError : public std::runtime_error {
 public:
  // Made by the stream.
  ConcurrentError(const std::string& text, std::exception_ptr cause);
  ConcurrentError(const ConcurrentError&) = default;
  ~ConcurrentError() override;
  const std::exception_ptr& cause() const noexcept { return cause_; }  // the original

 private:
  std::exception_ptr cause_;
};

// The source threw while it was read.
class COROEXEC_DECL ConcurrentIteratorError : public ConcurrentError {
 public:
  using ConcurrentError::ConcurrentError;
  ConcurrentIteratorError(const ConcurrentIteratorError&) = default;
  ~ConcurrentIteratorError() override;
};

// A job threw. A plain ConcurrentError is an element that could not be run at all.
class COROEXEC_DECL ConcurrentExecutionError : public ConcurrentError {
 public:
  using ConcurrentError::ConcurrentError;
  ConcurrentExecutionError(const ConcurrentExecutionError&) = default;
  ~ConcurrentExecutionError() override;
};

namespace detail {

COROEXEC_DECL EngineConfig concurrent_config(const ConcurrentOptions& options);
COROEXEC_DECL std::exception_ptr wrap_job_error(const std::exception_ptr& error);
COROEXEC_DECL std::exception_ptr wrap_input_error(const std::exception_ptr& error);
[[noreturn]] COROEXEC_DECL void throw_not_runnable(const char* what);

// An element: an awaitable or a callable without parameters.
template <class Ex, class Item>
struct ConcurrentItem {
  static consteval auto result() {
    if constexpr (Awaitable<Item>)
      return std::type_identity<typename awaitable_traits<std::remove_cvref_t<Item>>::result>{};
    else
      return std::type_identity<job_result_t<Ex, Item>>{};
  }
  using type = typename decltype(result())::type;

  // No coroutine of its own, which would be a frame for each element: the item stays in the job.
  static asio::awaitable<type, Ex> run(Item&& item) {
    if constexpr (Awaitable<Item>) {
      if (!item.valid()) throw_not_runnable("the awaitable is empty or was already used");
      return std::move(item);
    } else {
      if constexpr (requires { static_cast<bool>(item); } && !std::is_function_v<Item>)
        if (!static_cast<bool>(item)) throw_not_runnable("the callable is empty");
      return std::invoke(item);
    }
  }
};

template <class Ex, class Item>
struct MakeConcurrent {
  auto operator()(BasicEngine<Ex>& engine, Item item) {
    return make_job<Ex>(engine, detail::no_task_options, &ConcurrentItem<Ex, Item>::run, std::move(item));
  }
};

template <class R>
struct ConcurrentElement : ResultElement<R> {
  template <class Job>
  static auto element(Job& job, std::exception_ptr& failure) {
    auto element = ResultElement<R>::element(job, failure);
    if (failure) failure = wrap_job_error(failure);
    return element;
  }
  static std::exception_ptr input_error(std::exception_ptr error) { return wrap_input_error(error); }
};

template <class R>
struct ConcurrentOutcome : OutcomeElement<R> {
  using type = typename OutcomeElement<R>::type;
  template <class Job>
  static std::optional<type> element(Job& job, std::exception_ptr& failure) {
    if (job.error()) return std::optional<type>(std::in_place, wrap_job_error(job.error()));
    return OutcomeElement<R>::element(job, failure);
  }
  static std::exception_ptr input_error(std::exception_ptr error) { return wrap_input_error(error); }
};

template <template <class> class Element, class Ex, class Source>
auto concurrent_stream(ConcurrentOptions options, Source source) {
  using Item = typename Source::value_type;
  const auto config = concurrent_config(options);
  return make_stream<Ex, typename ConcurrentItem<Ex, Item>::type, Element>(
      Ref<BasicEngine<Ex>>(), config, config.max_active, false, std::move(source),
      MakeConcurrent<Ex, Item>());
}

// The executor type of what a source gives.
template <class Item>
struct item_executor {
  using type = typename awaitable_traits<std::invoke_result_t<Item&>>::executor;
};
template <class T, class Ex>
struct item_executor<asio::awaitable<T, Ex>> {
  using type = Ex;
};
template <class Given>
using item_executor_t = typename item_executor<source_element_t<Given>>::type;

// May it be an element?
template <class Item>
concept Runnable = Awaitable<Item> || UncalledCoroutine<Item>;

// A source of such; another one is refused with one sentence.
template <class Given>
consteval bool check_runnable_source() {
  static_assert(
      is_source<Given>,
      "coroexec: the input must be a range, an asynchronous source (awaitable<optional<T>> "
      "next()) or a channel of (error_code, T)");
  if constexpr (is_source<Given>) {
    static_assert(
        Runnable<source_element_t<Given>>,
        "coroexec: concurrent takes awaitables, or callables without parameters that return one");
    return Runnable<source_element_t<Given>>;
  } else {
    return false;
  }
}

// The parts of an item.
template <class Items, class F>
consteval bool parts_are_runnable() {
  if constexpr (std::is_invocable_v<F&, const source_element_t<Items>&>) {
    using Parts = std::decay_t<std::invoke_result_t<F&, const source_element_t<Items>&>>;
    if constexpr (std::ranges::input_range<Parts>)
      return Runnable<std::ranges::range_value_t<Parts>>;
  }
  return false;
}

}  // namespace detail

// Runs the awaitables (or callables that return one) of `source` - a range, a lazy view, an
// asynchronous source, a channel - at most `limit` at once, and gives the results as the jobs end.
// The source is read one ahead of a free place; running jobs and unread results together are never
// more than the limit, so the reader's pace bounds the work. Nothing starts before the first next(),
// which also decides the executor: its caller's.
//
// First form: the first error, wrapped, is thrown by next(); what runs has been cancelled and joined
// then, what was pending never starts. Second form: wrapped errors are elements and the rest goes on.
// An error of the source is thrown as ConcurrentIteratorError at once in both.
// Throws invalid-argument for a limit that is neither positive nor -1. (aio.tasks: concurrent)
template <class Source>
auto concurrent(Source&& source, ConcurrentOptions options = {}) {
  using Given = std::decay_t<Source>;
  if constexpr (detail::check_runnable_source<Given>()) {
    using Ex = detail::item_executor_t<Given>;
    return detail::concurrent_stream<detail::ConcurrentElement, Ex>(
        options, detail::make_source<Ex, Given>(std::forward<Source>(source)));
  }
}
template <class Source>
auto concurrent(Source&& source, yield_exceptions_t, ConcurrentOptions options = {}) {
  using Given = std::decay_t<Source>;
  if constexpr (detail::check_runnable_source<Given>()) {
    using Ex = detail::item_executor_t<Given>;
    return detail::concurrent_stream<detail::ConcurrentOutcome, Ex>(
        options, detail::make_source<Ex, Given>(std::forward<Source>(source)));
  }
}

namespace detail {

// Hands in the parts of one item.
template <class Ex, class Parts>
struct SubmitParts {
  Parts& parts;
  asio::awaitable<void, Ex> operator()(BasicCoroutineExecutor<Ex>& executor) const {
    using Part = std::ranges::range_value_t<Parts>;
    for (auto&& part : parts) executor.submit_nowait(&ConcurrentItem<Ex, Part>::run, Part(std::move(part)));
    co_return;
  }
};

// Runs the parts together, then gives the item.
template <class Ex, class Item, class Parts>
asio::awaitable<Item, Ex> run_inflated(Item item, Parts parts) {
  const SubmitParts<Ex, Parts> body{parts};
  co_await with_executor<Ex>(ExecutorOptions{.max_workers = unlimited}, body);
  co_return item;
}

template <class Ex, class F, class Item>
struct MakeInflated {
  F function;
  auto operator()(BasicEngine<Ex>& engine, Item item) {
    auto parts = std::invoke(function, std::as_const(item));
    return make_job<Ex>(engine, detail::no_task_options, &run_inflated<Ex, Item, decltype(parts)>,
                        std::move(item), std::move(parts));
  }
};

}  // namespace detail

// For each item runs the several awaitables that fn(item) gives, all together, and gives the item when
// all are done: in the order in which they get ready. `limit` counts items. Errors are as in
// concurrent(). (aio.tasks: inflate)
template <class Items, class F>
auto inflate(Items&& items, F fn, ConcurrentOptions options = {}) {
  using Given = std::decay_t<Items>;
  constexpr bool ok = detail::parts_are_runnable<Given, F>();
  static_assert(
      ok,
      "coroexec: inflate's function must take an element and return a range of awaitables, or of "
      "callables without parameters that return one");
  if constexpr (ok) {
    using Item = detail::source_element_t<Given>;
    using Parts = std::decay_t<std::invoke_result_t<F&, const Item&>>;
    using Ex = detail::item_executor_t<Parts>;
    detail::MakeInflated<Ex, F, Item> make{std::move(fn)};
    const auto config = detail::concurrent_config(options);
    return detail::make_stream<Ex, Item, detail::ConcurrentElement>(
        detail::Ref<detail::BasicEngine<Ex>>(), config, config.max_active, false,
        detail::make_source<Ex, Given>(std::forward<Items>(items)), std::move(make));
  }
}

}  // namespace coroexec
