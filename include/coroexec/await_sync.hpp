// await_sync, aiter_sync: asynchronous code used from code that is not, without an event loop, as long as
// it waits for nothing. So one parser, written as a coroutine that asks for data over a Monitor, serves
// both.
//
//   auto parser = monitor(parse(monitor));
//   await_sync(parser.start());
//   if (auto reply = await_sync(parser.try_await(bytes))) use(*reply);
//   for (int n : aiter_sync(generate<int>(numbers))) use(n);
#pragma once

#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "coroexec/async_generator.hpp"
#include "coroexec/detail/call_job.hpp"

namespace coroexec {

namespace detail {

// One call: a job on the calling thread's own context, which nobody but await_sync ever turns.
class COROEXEC_DECL SyncCall {
 public:
  SyncCall();
  ~SyncCall();
  SyncCall(const SyncCall&) = delete;
  Engine& engine() noexcept;
  void run(TaskBase& job);  // rethrows its error
  struct Thread;

 private:
  static Thread& this_thread();
  Thread& thread_;
  Ref<Engine> engine_;
};

}  // namespace detail

// Runs `operation`, an awaitable or a callable that returns one, to its end on the caller's stack, and
// returns its result or rethrows its error. It may await Monitors, generators, jobs, yield() and post():
// all that goes on without waiting. When it waits for anything else, a timer, a socket, another thread,
// it is cancelled and await_sync throws invalid-state; if it ignores that it is destroyed where it
// stands, with all else that is left of former calls on this thread, once the outermost call returns.
//
// A coroutine or generator that is awaited piece by piece by several calls stays with the thread of the
// first one. Calls may be nested. (await_sync)
template <class F>
  requires std::is_invocable_v<std::decay_t<F>>
auto await_sync(F&& operation) {
  using T = detail::job_result_t<asio::any_io_executor, F>;
  detail::SyncCall call;
  auto job = detail::make_job<asio::any_io_executor>(call.engine(), detail::no_task_options, std::forward<F>(operation));
  call.run(*job);
  if constexpr (!std::is_void_v<T>) return std::move(job->value());
}

// The same with a coroutine that has been called already.
template <class T>
T await_sync(asio::awaitable<T> operation) {
  return await_sync(detail::AwaitableCall<T, asio::any_io_executor>(std::move(operation)));
}

// The elements of an asynchronous source, each read by an await_sync(): an input range to be gone through
// once. Move-only; what is left of the source when it goes is closed.
template <AsyncSource Source>
class SyncRange : public std::ranges::view_interface<SyncRange<Source>> {
 public:
  using value_type = typename detail::optional_result<decltype(std::declval<Source&>().next())>::value_type;

  // Made by aiter_sync().
  explicit SyncRange(Source source) : source_(std::make_unique<Source>(std::move(source))) {}
  SyncRange(SyncRange&&) noexcept = default;
  SyncRange& operator=(SyncRange&& other) noexcept {
    std::swap(source_, other.source_);
    return *this;
  }
  ~SyncRange() {
    if constexpr (requires(Source& source) { source.aclose(); }) try {
        if (source_) await_sync(source_->aclose());
      } catch (...) {  // its own error, with nobody left to be told
      }
  }

  // An input iterator: each element is read when the one before it is left.
  class iterator {
   public:
    using value_type = SyncRange::value_type;
    using difference_type = std::ptrdiff_t;  // of no use here
    // Reads the first element.
    explicit iterator(Source& source) : source_(&source), element_(await_sync(source.next())) {}
    value_type& operator*() const { return *element_; }  // not at the end
    // Reads the next element.
    iterator& operator++() {
      element_ = await_sync(source_->next());
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !element_; }  // at the end?

   private:
    Source* source_;
    mutable std::optional<value_type> element_;
  };

  iterator begin() { return iterator(*source_); }  // reads the first element; once only
  std::default_sentinel_t end() const { return {}; }  // reached when the source gives nullopt

 private:
  std::unique_ptr<Source> source_;
};

// Goes through an AsyncGenerator, a GeneratorObjectIterator or a source of your own without an event
// loop; errors as those of await_sync(), out of begin() and ++. (aiter_sync)
template <class Source>
  requires AsyncSource<Source>
SyncRange<Source> aiter_sync(Source source) {
  return SyncRange<Source>(std::move(source));
}

}  // namespace coroexec
