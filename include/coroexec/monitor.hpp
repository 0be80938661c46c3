// Monitor: a coroutine that says something in the middle of its work to whoever awaits it, and goes on
// when it is awaited again. A parser that asks for more data is written as straight code:
//
//   awaitable<std::string> line(Monitor<void, std::string> monitor) {
//     std::string text;
//     while (!text.ends_with('\n')) text += co_await monitor.oob();      // more, please
//     co_return text;
//   }
//   Monitor<void, std::string> monitor;
//   auto parser = monitor(line(monitor));
//   co_await parser.start();                                            // up to the first oob()
//   auto whole = co_await parser.try_await("half a li");                // nullopt: it wants more
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "coroexec/detail/monitored.hpp"
#include "coroexec/error.hpp"
#include "coroexec/oob_data.hpp"

namespace coroexec {

namespace detail {

// What a callable body gives; asked of an awaitable, too, by compilers that look before they leave it out.
template <class Ex, class F>
struct body_result : std::type_identity<void> {};
template <class Ex, class F>
  requires(!Awaitable<F>)
struct body_result<Ex, F> : std::type_identity<job_result_t<Ex, F>> {};

}  // namespace detail

template <class T, class Out, class In, class Executor>
class MonitorAwaitable;

// The wire between a coroutine and whoever awaits it: messages of type Out one way, answers of type In
// the other; both may be void. A cheap handle: copies are the same monitor. (Monitor)
//
// The coroutine is given the monitor as an argument and speaks with oob(). Outside, m(coroutine) makes
// of it a MonitorAwaitable, which is awaited piece by piece, directly or through aawait() and the
// others here. One monitor may serve several coroutines, one at a time.
//
// Threads: everything that talks over one monitor runs on one execution context, else invalid-argument.
// There it may be done from any thread; who misuses it gets an error and disturbs nobody.
template <class Out = void, class In = void, class Executor = asio::any_io_executor>
class Monitor {
 public:
  // What a coroutine over this monitor is.
  template <class T>
  using Awaitable = MonitorAwaitable<T, Out, In, Executor>;

  Monitor() : state_(detail::Ref<detail::MonitorState>::adopt(new detail::MonitorState)) {}

  // Hands a message to whoever awaits the coroutine and waits until it is awaited again; gives the data
  // it is awaited with then, In() if with none. To be called in the coroutine, at any depth, or in a
  // job it waits for. Throws invalid-state ("Monitor not active") if nobody awaits the coroutine, as when
  // another message has been taken meanwhile; what athrow() is given; GeneratorExit when it is
  // closed; operation_aborted if its own coroutine is cancelled. (Monitor.oob)
  template <class Message = Out>
    requires(!std::is_void_v<Out>) && std::convertible_to<Message, Out>
  asio::awaitable<In, Executor> oob(Message&& message) const {
    detail::check_temporaries<Message>();
    return detail::speak<Out, In, Executor>(state_, std::forward<Message>(message));
  }
  // Refuses what is no message.
  template <class Message>
    requires(!std::convertible_to<Message, Out>)
  void oob(Message&&) const {
    static_assert(
        detail::never<Message>,
        "coroexec: this is no message of this monitor: it cannot be converted to its Out");
  }
  asio::awaitable<In, Executor> oob() const
    requires std::is_void_v<Out> || std::default_initializable<Out>
  {
    return detail::speak<Out, In, Executor>(state_, {});
  }

  // A coroutine to be awaited over this monitor: an awaitable, or a callable without parameters that
  // gives one, which is kept while it runs. Nothing runs yet. (Monitor.awaitable, BoundMonitor)
  template <class F>
  auto operator()(F&& coroutine) const {
    return awaitable(std::forward<F>(coroutine));
  }
  template <class F>
  auto awaitable(F&& coroutine) const {
    constexpr bool ok = detail::Awaitable<F> || detail::UncalledCoroutine<F>;
    static_assert(ok,
                  "coroexec: a monitored coroutine is an awaitable, or a callable without "
                  "parameters that returns one");
    if constexpr (ok) return MonitorAwaitable(*this, std::forward<F>(coroutine));
  }

  // The members of MonitorAwaitable, for `coroutine` of this monitor; of another one: invalid-argument.
  template <class T, class... Data>
  auto aawait(Awaitable<T>& coroutine, Data&&... data) const {
    return check(coroutine).aawait(std::forward<Data>(data)...);
  }
  template <class T, class... Data>
  auto next(Awaitable<T>& coroutine, Data&&... data) const {
    return check(coroutine).next(std::forward<Data>(data)...);
  }
  template <class T, class... Data>
  auto try_await(Awaitable<T>& coroutine, Data&&... data) const {
    return check(coroutine).try_await(std::forward<Data>(data)...);
  }
  template <class T, class E>
  auto athrow(Awaitable<T>& coroutine, E&& exception) const {
    return check(coroutine).athrow(std::forward<E>(exception));
  }
  template <class T>
  auto start(Awaitable<T>& coroutine) const {
    return check(coroutine).start();
  }
  template <class T>
  auto aclose(Awaitable<T>& coroutine) const {
    return check(coroutine).aclose();
  }

 private:
  template <class, class, class, class>
  friend class MonitorAwaitable;

  template <class T>
  Awaitable<T>& check(Awaitable<T>& coroutine) const {
    if (&coroutine.state().monitor() != state_.get())
      detail::throw_error(errc::invalid_argument, "monitor: the coroutine belongs to another monitor");
    return coroutine;
  }

  detail::Ref<detail::MonitorState> state_;
};

// A coroutine and the monitor it speaks over, awaited piece by piece. Move-only; it has to live while it
// is awaited. (MonitorAwaitable, BoundMonitor)
//
// The first await starts the coroutine as a job on the awaiter's executor. Each later one answers it,
// and it then runs on the awaiter's own stack as far as it can, as with Python's coroutines; it makes no
// progress while nobody awaits, but for what it has started itself. Every await throws
//   - what the coroutine throws, and then it has ended. If that is an OOBData, or comes from another
//     monitor, it is the cause of an invalid-state error ("coroutine raised OOBData");
//   - invalid-state if the monitor is in use ("Monitor cannot be re-entered"), or if the coroutine has
//     ended already ("cannot reuse already awaited coroutine");
//   - invalid-argument if it gives data to a coroutine that has not started and so cannot take any,
//     unless it is an empty optional; the coroutine can be started after that.
// Cancelling the awaiter cancels the coroutine and waits for what comes of it: a result, a message, an
// error. Destroying the handle, or an awaiter in the middle of an await, closes the coroutine, which
// ends by itself: GeneratorExit at its oob(), a cancel if it waits for something else.
template <class T, class Out, class In = void, class Executor = asio::any_io_executor>
class MonitorAwaitable {
  using State = detail::Monitored<T, Out, In, Executor>;
  using OnCancel = detail::OnCancel;
  static constexpr bool needs_no_data = std::is_void_v<In> || std::default_initializable<In>;

 public:
  template <class U>
  using awaitable = asio::awaitable<U, Executor>;
  using value_type = T;
  using Result = detail::void_to_monostate<T>;  // std::monostate for void
  using Data = detail::void_to_monostate<In>;   // the same
  // A message, or the coroutine's result: std::monostate where that is void.
  using Exchanged = std::variant<OOBData<Out>, Result>;

  MonitorAwaitable(const Monitor<Out, In, Executor>& monitor, asio::awaitable<T, Executor> coroutine)
      : state_(detail::Ref<State>::adopt(
            new State(monitor.state_, State::Kind::monitor, std::move(coroutine)))) {}
  template <class F>
    requires(!detail::Awaitable<F> && std::is_same_v<detail::job_result_t<Executor, F>, T>)
  MonitorAwaitable(const Monitor<Out, In, Executor>& monitor, F&& function)
      : MonitorAwaitable(monitor, detail::call_and_keep<T, Executor, std::decay_t<F>>(
                                      std::forward<F>(function))) {
    detail::check_temporaries<F>();
  }
  MonitorAwaitable(MonitorAwaitable&&) noexcept = default;
  MonitorAwaitable& operator=(MonitorAwaitable&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~MonitorAwaitable() {
    if (state_) state_->close();
  }

  // Awaits the coroutine until it says something or ends, and gives which. No exception a message.
  awaitable<Exchanged> next()
    requires needs_no_data
  {
    return exchange({});
  }
  awaitable<Exchanged> next(Data data) { return exchange(std::move(data)); }

  // The same, with a message thrown as OOBData<Out>. (Monitor.aawait; `await bound`)
  awaitable<T> aawait()
    requires needs_no_data
  {
    return result_of(exchange({}));
  }
  awaitable<T> aawait(Data data) { return result_of(exchange(std::move(data))); }
  // aawait().
  awaitable<T> operator()()
    requires needs_no_data
  {
    return aawait();
  }

  // The same, with nullopt in place of any message. (Monitor.try_await)
  awaitable<std::optional<Result>> try_await()
    requires needs_no_data
  {
    return optional_of(exchange({}));
  }
  awaitable<std::optional<Result>> try_await(Data data) { return optional_of(exchange(std::move(data))); }

  // Runs the coroutine up to its first message and gives that; invalid-state if it ends without one.
  // (Monitor.start)
  awaitable<Out> start() { return message_of(exchange({})); }

  // Throws `exception` where the coroutine waits in oob(), then as aawait(): gives its result, throws a
  // message, or what it lets out. One that has not started never will: the exception comes straight
  // back. invalid-state if it does not wait in an oob(). (Monitor.athrow)
  awaitable<T> athrow(std::exception_ptr exception) {
    return result_of(State::exchange(kept(), "athrow", OnCancel::forward, {}, std::move(exception)));
  }
  template <class E>
    requires(!std::same_as<std::remove_cvref_t<E>, std::exception_ptr>)
  awaitable<T> athrow(E&& exception) {
    detail::check_temporaries<E>();
    return athrow(std::make_exception_ptr<std::decay_t<E>>(std::forward<E>(exception)));
  }
  template <class E>
  awaitable<T> athrow() {
    return athrow(std::make_exception_ptr(E()));
  }

  // Throws GeneratorExit into the coroutine, which may clean up and has to end: invalid-state ("ignored
  // GeneratorExit") if it says something instead, and then it can be awaited further. Its other errors
  // come out. Nothing to do if it has not started, and never will now, or has ended. (Monitor.aclose)
  awaitable<void> aclose() {
    return State::aclose(kept(), "aclose", "Monitor coroutine ignored GeneratorExit");
  }

 private:
  template <class, class, class>
  friend class Monitor;

  State& state() const {
    if (!state_) detail::throw_error(errc::invalid_state, "monitor: this coroutine has been moved from");
    return *state_;
  }
  detail::Ref<State> kept() const { return detail::Ref<State>(&state()); }
  awaitable<Exchanged> exchange(typename State::Data data) {
    return State::exchange(kept(), "aawait", OnCancel::forward, std::move(data), nullptr);
  }

  static awaitable<T> result_of(awaitable<Exchanged> exchanging) {
    auto exchanged = co_await std::move(exchanging);
    if (auto* message = std::get_if<0>(&exchanged)) throw std::move(*message);
    if constexpr (!std::is_void_v<T>) co_return std::get<1>(std::move(exchanged));
  }
  static awaitable<std::optional<Result>> optional_of(awaitable<Exchanged> exchanging) {
    auto exchanged = co_await std::move(exchanging);
    if (exchanged.index() == 0) co_return std::nullopt;
    co_return std::get<1>(std::move(exchanged));
  }
  static awaitable<Out> message_of(awaitable<Exchanged> exchanging) {
    auto exchanged = co_await std::move(exchanging);
    if (exchanged.index() == 1)
      detail::throw_error(errc::invalid_state, "start(): the coroutine ended without a message");
    if constexpr (!std::is_void_v<Out>) co_return std::get<0>(std::move(exchanged)).data;
  }

  detail::Ref<State> state_;
};

template <class Out, class In, class Executor, class T>
MonitorAwaitable(const Monitor<Out, In, Executor>&, asio::awaitable<T, Executor>)
    -> MonitorAwaitable<T, Out, In, Executor>;
template <class Out, class In, class Executor, class F>
  requires(!detail::Awaitable<F>)
MonitorAwaitable(const Monitor<Out, In, Executor>&, F&&)
    -> MonitorAwaitable<typename detail::body_result<Executor, F>::type, Out, In, Executor>;

}  // namespace coroexec
