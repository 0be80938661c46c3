// A stream of the results of jobs made from an input: map, map_unordered, itermap and concurrent are
// this, with different inputs, engines and elements.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "coroexec/async_generator.hpp"
#include "coroexec/detail/alarm.hpp"
#include "coroexec/detail/batches.hpp"
#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/source.hpp"
#include "coroexec/detail/stream_state.hpp"

namespace coroexec::detail {

// Waits until all that a stream had running has ended, also in a cancelled coroutine.
template <class Ex>
asio::awaitable<void, Ex> join_stream(Ref<StreamState> state) {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto joined = [s = state.get()] { return s->joined_locked(); };
  const auto over = [s = state.get()] { return s->running_locked() == 0; };
  Engine::BlockedJob blocked(state->engine(), Condition(over), nullptr);
  while (!co_await wait_until<Ex>(state->readers, state->mutex(), Condition(joined))) {
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

// How a job's end becomes an element. `element` gives nullopt and sets `failure` where it ends the
// stream instead. Input errors go through `input_error`.
template <class R>
struct ResultElement {
  using type = void_to_monostate<R>;
  template <class Job>
  static std::optional<type> element(Job& job, std::exception_ptr& failure) {
    if ((failure = job.error())) return std::nullopt;
    if constexpr (std::is_void_v<R>)
      return std::optional<type>(std::in_place);
    else
      return std::optional<type>(std::move(job.value()));
  }
  static std::exception_ptr input_error(std::exception_ptr error) { return error; }
};

template <class R>
struct OutcomeElement {
  using type = Outcome<R>;
  template <class Job>
  static std::optional<type> element(Job& job, std::exception_ptr&) {
    if (job.error()) return std::optional<type>(std::in_place, job.error());
    if constexpr (std::is_void_v<R>)
      return std::optional<type>(std::in_place);
    else
      return std::optional<type>(std::in_place, std::move(job.value()));
  }
  static std::exception_ptr input_error(std::exception_ptr error) { return error; }
};

// The half that reads the input and hands in jobs. `Make` turns an input element into a job of result
// type R: make(engine, element...). Give it an engine of somebody's scope; or none, then begin()
// makes one, which ends with the feed.
template <class Ex, class Source, class Make, class Element>
class StreamFeed {
 public:
  StreamFeed(Ref<BasicEngine<Ex>> engine, EngineConfig config, std::size_t window, bool ordered,
             Source source, Make make)
      : engine_(std::move(engine)),
        config_(config),
        window_(window),
        ordered_(ordered),
        source_(std::in_place, std::move(source)),
        make_(std::move(make)) {
    if (!engine_) config_.check();
  }
  StreamFeed(StreamFeed&&) = default;

  ~StreamFeed() {
    if (state_) state_->discard();
    if (owns_engine_ && engine_) engine_->close();
  }

  bool begun() const noexcept { return static_cast<bool>(state_); }
  StreamState& state() const noexcept { return *state_; }
  const Ref<StreamState>& shared_state() const noexcept { return state_; }

  void begin(const Ex& executor) {
    if (!engine_) {
      engine_ = BasicEngine<Ex>::make(executor, config_);
      owns_engine_ = true;
    }
    state_ = Ref<StreamState>::adopt(new StreamState(engine_, window_, ordered_));
    if constexpr (Source::asynchronous) start_pump();
  }

  // A range is read here, in the reader's own coroutine, as far as there is room. An asynchronous
  // source is read by its pump.
  void fill() {
    if constexpr (!Source::asynchronous) {
      while (source_ && state_->has_room()) {
        try {
          const bool more = source_->pull([&](auto&&... element) {
            auto job = make_(*engine_, std::forward<decltype(element)>(element)...);
            state_->hand_in(*job);
          });
          if (!more) source_.reset();
        } catch (...) {
          state_->fail(Element::input_error(std::current_exception()));
          source_.reset();
        }
      }
    }
  }

  // Nothing to come, nothing running, nothing to read.
  bool over() const {
    std::lock_guard lock(state_->mutex());
    return !source_ && state_->joined_locked() && !state_->readable_locked();
  }

  asio::awaitable<void, Ex> end() {
    source_.reset();
    if (!state_) co_return;
    state_->discard();
    co_await join_stream<Ex>(state_);
    if (owns_engine_) engine_->close();
  }

 private:
  struct Input {
    Ref<StreamState> state;
    Source source;
    Make make;
  };

  // A job of its own: the source may be slow while results are there to be read.
  static asio::awaitable<void, Ex> pump(Ref<BasicEngine<Ex>> engine, std::unique_ptr<Input> input) {
    StreamState* const state = input->state.get();
    try {
      const auto room = [state] { return state->room_locked(); };
      for (;;) {
        co_await wait_or_throw<Ex>(state->feeders, state->mutex(), Condition(room));
        if (state->closed()) break;
        auto element = co_await input->source.next();
        if (!element) break;
        auto job = input->make(*engine, std::move(*element));
        state->hand_in(*job);
        engine->look_for_deadlock();  // a reader had the input to hope for until now
      }
    } catch (...) {
      state->fail(Element::input_error(std::current_exception()));
    }
    // Whoever joins the stream finds its source closed.
    co_await asio::this_coro::throw_if_cancelled(false);
    if constexpr (requires { input->source.aclose(); }) {
      try {
        co_await input->source.aclose();
      } catch (...) {
        state->fail(Element::input_error(std::current_exception()));
      }
    }
  }
  void start_pump() {
    std::unique_ptr<Input> input(new Input{state_, std::move(*source_), std::move(make_)});
    source_.reset();
    auto job = make_job<Ex>(*engine_, no_task_options, &StreamFeed::pump, engine_, std::move(input));
    state_->pump_started(job);
    try {
      engine_->run_beside(*job);
    } catch (...) {
      if (!job->done()) state_->completed(*job);  // nobody else will
      throw;
    }
  }

  Ref<BasicEngine<Ex>> engine_;
  EngineConfig config_;
  std::size_t window_;
  bool ordered_;
  bool owns_engine_ = false;
  std::optional<Source> source_;  // empty: read to its end, or handed to the pump
  Make make_;
  Ref<StreamState> state_;
};

template <class Ex, class R, class Feed, class Element>
class ResultStream final : public Stream<typename Element::type, Ex> {
  using Base = Stream<typename Element::type, Ex>;
  using Result = std::optional<typename Element::type>;

 public:
  explicit ResultStream(Feed feed) : feed_(std::move(feed)) {}

  asio::awaitable<Result, Ex> next() override {
    typename Base::Turn turn(*this);
    if (over_) co_return std::nullopt;
    if (!feed_.begun()) {
      feed_.begin(co_await asio::this_coro::executor);
      feed_.fill();
    }
    auto& state = feed_.state();
    for (;;) {
      auto failure = state.failure();
      if (auto job = failure ? Ref<TaskBase>() : state.take()) {
        Result element = Element::element(static_cast<ResultJob<R, Ex>&>(*job), failure);
        if (!failure) {
          feed_.fill();  // nothing else makes room
          co_return element;
        }
      }
      if (failure || feed_.over()) {
        over_ = true;
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);  // a cancel that came too late for the wait
        co_await feed_.end();
        co_await asio::this_coro::throw_if_cancelled(throws);
        if (failure) std::rethrow_exception(failure);
        co_return std::nullopt;
      }
      const auto ready = [&state] { return state.readable_locked() || state.joined_locked(); };
      // Without a job on its way the engine is not to blame: the input may still bring something.
      const auto over = [&state] { return state.readable_locked() || state.running_locked() == 0; };
      Engine::BlockedJob blocked(state.engine(), Condition(over), nullptr, "a result of its own stream");
      co_await wait_or_throw<Ex>(state.readers, state.mutex(), Condition(ready));
      if (blocked.came_late()) co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    }
  }

  asio::awaitable<void, Ex> aclose() override {
    over_ = true;
    return feed_.end();
  }

 private:
  Feed feed_;
  bool over_ = false;
};

// All that is ready at once, when a batch is due.
template <class Ex, class R, class Feed>
class BatchStream final : public Stream<std::vector<Outcome<R>>, Ex> {
  using Base = Stream<std::vector<Outcome<R>>, Ex>;
  using Batch = std::vector<Outcome<R>>;

 public:
  BatchStream(Feed feed, IterOptions options)
      : feed_(std::move(feed)),
        timeout_(options.timeout),
        when_(options.yield_when.value_or(ReturnWhen::all_completed)) {}

  asio::awaitable<std::optional<Batch>, Ex> next() override {
    typename Base::Turn turn(*this);
    if (over_) co_return std::nullopt;
    const Ex executor = co_await asio::this_coro::executor;
    if (!feed_.begun()) feed_.begin(executor);
    auto& state = feed_.state();
    feed_.fill();
    if (feed_.over()) {
      over_ = true;
      co_return std::nullopt;
    }
    Alarm<Ex> alarm(executor, state.mutex(), state.readers, feed_.shared_state(), deadline_in(timeout_));
    const auto due = [&] {
      return state.input_failed_locked() || alarm.rung() || state.joined_locked() ||
             (state.ready_locked() + state.running_locked() > 0 &&
              batch_due(when_, state.ready_locked(), state.running_locked(), state.failed_locked()));
    };
    const auto over = [&] { return timeout_ != no_timeout || due() || state.running_locked() == 0; };
    {
      Engine::BlockedJob blocked(state.engine(), Condition(over), nullptr, "a result of its own stream");
      co_await wait_or_throw<Ex>(state.readers, state.mutex(), Condition(due));
      if (blocked.came_late()) co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    }
    Batch batch;
    if (feed_.over()) {  // the input ended without another element
      over_ = true;
      co_return std::nullopt;
    }
    while (auto job = state.take()) {
      std::exception_ptr none;
      batch.push_back(*OutcomeElement<R>::element(static_cast<ResultJob<R, Ex>&>(*job), none));
    }
    if (auto failure = state.failure(); failure && batch.empty()) {
      over_ = true;
      const bool throws = co_await asio::this_coro::throw_if_cancelled();
      co_await asio::this_coro::throw_if_cancelled(false);
      co_await feed_.end();
      co_await asio::this_coro::throw_if_cancelled(throws);
      std::rethrow_exception(failure);
    }
    co_return std::optional<Batch>(std::move(batch));
  }

  asio::awaitable<void, Ex> aclose() override {
    over_ = true;
    return feed_.end();
  }

 private:
  Feed feed_;
  std::chrono::nanoseconds timeout_;
  ReturnWhen when_;
  bool over_ = false;
};

// Makes a job that calls one function with each element. The function is shared, not copied a job,
// unless a copy is free.
template <class Ex, class F>
class CallEach {
  static constexpr bool copied = std::is_trivially_copyable_v<F> && sizeof(F) <= 2 * sizeof(void*);
  struct Shared {
    explicit Shared(F&& f) : function(std::move(f)) {}
    F function;
  };

 public:
  CallEach(const TaskOptions& options, F function)
      : options_(options), function_(hold(std::move(function))) {}

  template <class... E>
  auto operator()(BasicEngine<Ex>& engine, E&&... element) {
    if constexpr (copied)
      return make_job<Ex>(engine, options_.get(), function_, std::forward<E>(element)...);
    else
      return make_job<Ex>(engine, options_.get(), Caller{function_}, std::forward<E>(element)...);
  }

  template <class... E>
  using result_t = job_result_t<Ex, F&, E...>;

 private:
  struct Caller {
    std::shared_ptr<Shared> shared;
    template <class... E>
      requires std::is_invocable_v<F&, E...>
    auto operator()(E&&... element) {
      return std::invoke(shared->function, std::forward<E>(element)...);
    }
  };
  static auto hold(F&& function) {
    if constexpr (copied)
      return std::move(function);
    else
      return std::make_shared<Shared>(std::move(function));
  }
  EachTaskOptions options_;
  std::conditional_t<copied, F, std::shared_ptr<Shared>> function_;
};

template <class Ex, class R, template <class> class Element, class Source, class Make>
auto make_stream(Ref<BasicEngine<Ex>> engine, const EngineConfig& config, std::size_t window,
                 bool ordered, Source source, Make make) {
  using ElementType = Element<R>;
  using Feed = StreamFeed<Ex, Source, Make, ElementType>;
  return AsyncGenerator<typename ElementType::type, Ex>(
      std::make_unique<ResultStream<Ex, R, Feed, ElementType>>(
          Feed(std::move(engine), config, window, ordered, std::move(source), std::move(make))));
}

// The element type of what make_source() makes.
template <class Given>
struct source_element {
  using Range = typename unwrap_reference<Given>::type;
  static auto probe() {
    if constexpr (is_channel<Given>)
      return std::type_identity<typename channel_traits<Range>::value_type>{};
    else if constexpr (is_async_source<Given>)
      return std::type_identity<
          typename optional_result<decltype(std::declval<Range&>().next())>::value_type>{};
    else
      return std::type_identity<std::ranges::range_value_t<Range>>{};
  }
  using type = typename decltype(probe())::type;
};
template <class Given>
using source_element_t = typename source_element<std::decay_t<Given>>::type;

// The stream behind map, map_unordered and itermap.
template <template <class> class Element, class Ex, class F, class... Given>
auto map_stream(Ref<BasicEngine<Ex>> engine, std::size_t window, bool ordered,
                const TaskOptions& options, F&& function, Given&&... given) {
  using Function = std::decay_t<F>;
  using R = job_result_t<Ex, Function, source_element_t<Given>...>;
  return make_stream<Ex, R, Element>(
      std::move(engine), EngineConfig{}, window, ordered,
      make_source<Ex, std::decay_t<Given>...>(std::forward<Given>(given)...),
      CallEach<Ex, Function>(options, std::forward<F>(function)));
}

}  // namespace coroexec::detail
