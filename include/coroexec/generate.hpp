// generate(body): a stream written as a coroutine that yields.
//
//   auto numbers = [](Yield<int> yield) -> awaitable<void> {
//     for (int i = 0; i < 3; ++i) co_await yield(i);
//   };
//   auto stream = generate<int>(numbers);
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "coroexec/async_generator.hpp"
#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/call_job.hpp"

namespace coroexec {

namespace detail {

// The hand-over between a generator's body and its reader: at most one element, made on demand.
template <class T>
struct Handover final : CompletionSink {
  explicit Handover(Ref<Engine> e) : engine(std::move(e)) {}

  void completed(TaskBase&) noexcept override {
    const auto keep = std::move(kept_by_body);
    WaitList::Taken to_wake;
    std::lock_guard lock(engine->mutex());
    over = true;
    to_wake.append(reader.take_all());
  }

  Ref<Engine> engine;
  std::shared_ptr<Handover> kept_by_body;
  WaitList reader;  // for an element, or the end
  WaitList writer;  // for somebody who wants one
  std::optional<T> element;
  bool wanted = false;
  bool closed = false;  // the reader has gone
  bool over = false;
};

}  // namespace detail

// What a generator's body yields with: `co_await yield(value)` hands the value to the reader and
// returns when the next one is asked for. Throws operation_aborted once the stream is closed.
template <class T, class Executor = asio::any_io_executor>
class Yield {
 public:
  explicit Yield(std::shared_ptr<detail::Handover<T>> handover) : handover_(std::move(handover)) {}
  asio::awaitable<void, Executor> operator()(T value) const { return hand_over(handover_, std::move(value)); }

 private:
  static asio::awaitable<void, Executor> hand_over(std::shared_ptr<detail::Handover<T>> handover, T value) {
    auto& mutex = handover->engine->mutex();
    {
      detail::WaitList::Taken to_wake;
      std::lock_guard lock(mutex);
      if (handover->closed) detail::throw_cancelled();  // also to a body that took its cancel back
      handover->element.emplace(std::move(value));
      handover->wanted = false;
      to_wake.append(handover->reader.take_all());
    }
    const auto wanted = [h = handover.get()] { return h->wanted; };
    if (!co_await detail::wait_until<Executor>(handover->writer, mutex, detail::Condition(wanted)))
      detail::throw_cancelled();
  }
  std::shared_ptr<detail::Handover<T>> handover_;
};

namespace detail {

template <class T, class Ex, class Body>
class GeneratedStream final : public Stream<T, Ex> {
 public:
  explicit GeneratedStream(Body body) : body_(std::in_place, std::move(body)) {}
  ~GeneratedStream() override {
    if (!engine_) return;
    {
      std::lock_guard lock(engine_->mutex());
      handover_->closed = true;
    }
    engine_->close();
  }

  asio::awaitable<std::optional<T>, Ex> next() override {
    typename Stream<T, Ex>::Turn turn(*this);
    if (closed_) co_return std::nullopt;
    if (!engine_) start(co_await asio::this_coro::executor);
    ask();
    const auto ready = [h = handover_.get()] { return h->element || h->over; };
    if (!co_await wait_until<Ex>(handover_->reader, engine_->mutex(), Condition(ready))) throw_cancelled();
    if (handover_->element) co_return std::exchange(handover_->element, std::nullopt);
    closed_ = true;
    job_->check_result();
    co_return std::nullopt;
  }

  asio::awaitable<void, Ex> aclose() override {
    closed_ = true;
    if (!engine_) co_return;
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    {
      std::lock_guard lock(engine_->mutex());
      handover_->closed = true;
    }
    engine_->cancel(*job_, CancelReason::scope);
    const auto over = [h = handover_.get()] { return h->over; };
    while (!co_await wait_until<Ex>(handover_->reader, engine_->mutex(), Condition(over))) {
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    engine_->close();
  }

 private:
  void start(const Ex& executor) {
    EngineConfig config;
    config.policy = ErrorPolicy::suppress;
    config.kind = "generator";
    engine_ = BasicEngine<Ex>::make(executor, config);
    handover_ = std::make_shared<Handover<T>>(engine_);
    job_ = make_job<Ex>(*engine_, TaskOptions{}, &GeneratedStream::run, std::move(*body_), handover_);
    job_->sink = handover_.get();
    handover_->kept_by_body = handover_;
    engine_->submit_nowait(*job_);
  }
  // The body's closure lives here, for as long as the body runs.
  static asio::awaitable<void, Ex> run(Body body, std::shared_ptr<Handover<T>> handover) {
    co_await std::invoke(body, Yield<T, Ex>(std::move(handover)));
  }
  void ask() {
    WaitList::Taken to_wake;
    std::lock_guard lock(engine_->mutex());
    if (handover_->element) return;  // asked for by a next() that was cancelled
    handover_->wanted = true;
    to_wake.append(handover_->writer.take_all());
  }

  std::optional<Body> body_;
  Ref<BasicEngine<Ex>> engine_;
  std::shared_ptr<Handover<T>> handover_;
  Ref<ResultJob<void, Ex>> job_;
  bool closed_ = false;
};

}  // namespace detail

// A stream of what `body`, a coroutine that takes a Yield<T>, yields. The body starts with the first
// next(), on its caller's executor, and runs only while an element is wanted. Its error comes out of
// next(). Closing or dropping the stream cancels the body at its yield. (async def … yield)
template <class T, class Executor = asio::any_io_executor, class Body>
AsyncGenerator<T, Executor> generate(Body body) {
  static_assert(std::is_invocable_r_v<asio::awaitable<void, Executor>, Body&, Yield<T, Executor>>,
                "coroexec: a generator's body must be a coroutine awaitable<void>(Yield<T>)");
  return AsyncGenerator<T, Executor>(
      std::make_unique<detail::GeneratedStream<T, Executor, Body>>(std::move(body)));
}

}  // namespace coroexec
