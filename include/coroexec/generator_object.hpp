// GeneratorObject: an asynchronous generator whose elements may come from anywhere below its body,
// from a helper it awaits or from a job it waits for; and which can be sent something back.
//
//   GeneratorObject<int> generator;
//   auto body = [](GeneratorObject<int> g) -> awaitable<void> { co_await g.ayield(1); };
//   auto numbers = generator(body(generator));
//   while (auto number = co_await numbers.next()) use(*number);
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "coroexec/async_generator.hpp"
#include "coroexec/monitor.hpp"

namespace coroexec {

// What anext() throws at the end. A body that throws it has failed: the reader gets an invalid-state
// error with this as its cause.
class COROEXEC_DECL StopAsyncIteration : public std::exception {
 public:
  StopAsyncIteration() = default;
  StopAsyncIteration(const StopAsyncIteration&) = default;
  StopAsyncIteration& operator=(const StopAsyncIteration&) = default;
  ~StopAsyncIteration() override;
  const char* what() const noexcept override;  // its name
};

namespace detail {

template <class In>
struct sent {
  using type = std::optional<In>;
};
template <>
struct sent<void> {
  using type = void;
};

// Runs a body and forgets what it returns.
template <class T, class Ex>
asio::awaitable<void, Ex> discard_result(asio::awaitable<T, Ex> body) {
  co_await std::move(body);
}

}  // namespace detail

// Reads a generator and drives it: the body starts with the first call, as a job on its caller's
// executor, and runs only while an element is wanted, on the reader's own stack as far as it can. One call
// at a time, else invalid-state ("… already running"), also from the body itself. Move-only.
//
// Every call throws what the body throws, and then the generator has ended. nullopt is the end, then and
// ever after. Cancelling the reader cancels the body, and waits for what comes of it. Destroying the
// iterator closes the generator, which ends by itself: GeneratorExit at its ayield(), or a cancel if it
// waits for something else. (GeneratorObjectIterator; `async for` is a while loop)
template <class T, class In = void, class Executor = asio::any_io_executor>
class GeneratorObjectIterator {
  using Sent = typename detail::sent<In>::type;
  using State = detail::Monitored<void, T, Sent, Executor>;
  using OnCancel = detail::OnCancel;

 public:
  template <class U>
  using awaitable = asio::awaitable<U, Executor>;
  using value_type = T;
  using Element = std::optional<T>;  // nullopt: the end

  // Made by GeneratorObject.
  explicit GeneratorObjectIterator(detail::Ref<State> state) noexcept : state_(std::move(state)) {}
  GeneratorObjectIterator(GeneratorObjectIterator&&) noexcept = default;
  GeneratorObjectIterator& operator=(GeneratorObjectIterator&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~GeneratorObjectIterator() {
    if (state_) state_->close();
  }

  // The next element; the body's ayield() gives nothing.
  awaitable<Element> next() { return element_of(exchange("anext", {}, nullptr)); }

  // The same, but throws StopAsyncIteration at the end. (__anext__)
  awaitable<T> anext() { return element_or_stop(exchange("anext", {}, nullptr)); }

  // The next element; the body's ayield() gives `value`. nullopt is nothing, and all a generator that has
  // not started can be sent: else invalid-argument, and it stays as it is. (asend)
  awaitable<Element> asend(std::optional<In> value)
    requires(!std::is_void_v<In>)
  {
    return element_of(exchange("asend", typename State::Data(std::move(value)), nullptr));
  }

  // Throws `exception` at the body's ayield() and gives the next element. One that has not started never
  // will: the exception comes straight back. (athrow)
  awaitable<Element> athrow(std::exception_ptr exception) {
    return element_of(exchange("athrow", {}, std::move(exception)));
  }
  template <class E>
    requires(!std::same_as<std::remove_cvref_t<E>, std::exception_ptr>)
  awaitable<Element> athrow(E&& exception) {
    detail::check_temporaries<E>();
    return athrow(std::make_exception_ptr<std::decay_t<E>>(std::forward<E>(exception)));
  }

  // Throws GeneratorExit at the body's ayield(); the body may clean up and has to end: invalid-state
  // ("ignored GeneratorExit") if it yields instead, and then it can be read further. Its other errors come
  // out. Nothing to do if it has not started, and never will now, or has ended. (aclose)
  awaitable<void> aclose() {
    return State::aclose(kept(), "aclose", "async generator ignored GeneratorExit");
  }

  // Is a call on its way? (ag_running)
  bool running() const { return state().awaited(); }

  // As a stream. A next() of that which is cancelled leaves the body running, and its element for the
  // following one; its aclose() waits for the body's end whatever the body does.
  operator AsyncGenerator<T, Executor>() &&;

 private:
  State& state() const {
    if (!state_) detail::throw_error(errc::invalid_state, "generator: this iterator has been moved from");
    return *state_;
  }
  detail::Ref<State> kept() const { return detail::Ref<State>(&state()); }
  using Exchanged = typename State::Exchanged;
  awaitable<Exchanged> exchange(const char* call, typename State::Data data, std::exception_ptr thrown) {
    return State::exchange(kept(), call, OnCancel::forward, std::move(data), std::move(thrown));
  }
  static awaitable<Element> element_of(awaitable<Exchanged> exchanging) {
    auto exchanged = co_await std::move(exchanging);
    if (auto* word = std::get_if<0>(&exchanged)) co_return std::move(word->data);
    co_return std::nullopt;
  }
  static awaitable<T> element_or_stop(awaitable<Exchanged> exchanging) {
    auto exchanged = co_await std::move(exchanging);
    if (exchanged.index() == 1) throw StopAsyncIteration();
    co_return std::get<0>(std::move(exchanged)).data;
  }

  detail::Ref<State> state_;
};

// What a generator's body yields with. A cheap handle: copies are the same generator. (GeneratorObject)
template <class T, class In = void, class Executor = asio::any_io_executor>
class GeneratorObject {
  using Sent = typename detail::sent<In>::type;
  using State = detail::Monitored<void, T, Sent, Executor>;

 public:
  using Iterator = GeneratorObjectIterator<T, In, Executor>;  // what reads it

  GeneratorObject() : state_(detail::Ref<detail::MonitorState>::adopt(new detail::MonitorState)) {}

  // Hands an element to the reader and waits until the next one is wanted; gives what that was sent with,
  // as an optional: nullopt if with nothing. In the body, at any depth, or in a job it waits for.
  // Throws invalid-state ("Monitor not active") if nobody reads, as when another element has been taken
  // meanwhile; what athrow() is given; GeneratorExit when the generator is closed; operation_aborted if
  // its own coroutine is cancelled. (GeneratorObject.ayield)
  template <class Element = T>
    requires std::convertible_to<Element, T>
  asio::awaitable<Sent, Executor> ayield(Element&& element) const {
    detail::check_temporaries<Element>();
    return detail::speak<T, Sent, Executor>(state_, std::forward<Element>(element));
  }

  // The iterator of `body`: an awaitable, or a callable without parameters that gives one, which is kept
  // while it runs. What it returns is not looked at. Nothing runs yet. (GeneratorObject.__call__)
  template <class R>
  Iterator operator()(asio::awaitable<R, Executor> body) const {
    if constexpr (std::is_void_v<R>)
      return Iterator(detail::Ref<State>::adopt(
          new State(state_, State::Kind::generator, std::move(body))));
    else
      return (*this)(detail::discard_result(std::move(body)));
  }
  template <class F>
    requires(!detail::Awaitable<F>)
  Iterator operator()(F&& body) const {
    detail::check_temporaries<F>();
    using R = detail::job_result_t<Executor, F>;
    return (*this)(detail::call_and_keep<R, Executor, std::decay_t<F>>(std::forward<F>(body)));
  }

 private:
  template <class, class>
  friend class Yield;
  detail::Ref<detail::MonitorState> state_;
};

// Closes all generators of the caller's execution context whose bodies have started, those of generate()
// as well, and waits until they have ended. A reader that waits for one gets what the body ends with. The
// first of their errors is rethrown then, cancellations aside. (loop.shutdown_asyncgens)
template <class Executor = asio::any_io_executor>
asio::awaitable<void, Executor> shutdown_generators() {
  const Executor executor = co_await asio::this_coro::executor;
  const auto generators = detail::ContextService::of(executor).generators();
  for (auto& generator : generators) generator->close();
  std::exception_ptr first;
  for (auto& generator : generators) {
    co_await detail::Handover::join<Executor>(generator);
    if (!first && !detail::is_cancelled(generator->error())) first = generator->error();
  }
  if (first) std::rethrow_exception(first);
}

namespace detail {

template <class T, class Sent, class Ex>
class GeneratorStream final : public Stream<T, Ex> {
  using State = Monitored<void, T, Sent, Ex>;

 public:
  explicit GeneratorStream(Ref<State> state) noexcept : state_(std::move(state)) {}
  ~GeneratorStream() override { state_->close(); }

  asio::awaitable<std::optional<T>, Ex> next() override {
    typename Stream<T, Ex>::Turn turn(*this);
    if (closed_) co_return std::nullopt;
    auto exchanged = co_await State::exchange(state_, "next", OnCancel::leave, {}, nullptr);
    if (auto* word = std::get_if<0>(&exchanged)) co_return std::move(word->data);
    co_return std::nullopt;
  }

  asio::awaitable<void, Ex> aclose() override {
    closed_ = true;
    state_->close();
    return Handover::join<Ex>(state_);
  }

 private:
  Ref<State> state_;
  bool closed_ = false;
};

}  // namespace detail

template <class T, class In, class Executor>
GeneratorObjectIterator<T, In, Executor>::operator AsyncGenerator<T, Executor>() && {
  using Stream = detail::GeneratorStream<T, Sent, Executor>;
  state();
  return AsyncGenerator<T, Executor>(std::make_unique<Stream>(std::move(state_)));
}

}  // namespace coroexec
