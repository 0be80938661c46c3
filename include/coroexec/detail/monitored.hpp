// The typed half of a hand-over: what is said, what is answered, what the body returns.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/handover.hpp"
#include "coroexec/oob_data.hpp"
#include "coroexec/outcome.hpp"

namespace coroexec::detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// An empty optional is nothing, as Python's None.
template <class In>
bool is_data(const std::optional<In>& data) noexcept {
  if constexpr (is_optional<In>) return data && data->has_value();
  else return data.has_value();
}

// `Out` and `In` with void made a std::monostate.
template <class Out, class In>
class TypedHandover : public Handover {
 public:
  using Handover::Handover;

  template <class M>
  void say(M&& message) {
    word_.emplace(std::forward<M>(message));
  }

  // Resumes the speaker, with data or with an exception. False: there is none.
  bool answer(std::optional<In>&& data, const std::exception_ptr& thrown) {
    auto* const to = static_cast<Answer<In>*>(Handover::answer());
    if (!to) return false;
    to->thrown = thrown;
    try {
      if (data) to->data.emplace(std::move(*data));
    } catch (...) {
      to->thrown = std::current_exception();
    }
    resume();
    return true;
  }

 protected:
  Out take_word() { return std::move(*word_); }

 private:
  std::optional<Out> word_;
};

// Says something to whoever awaits, and waits for the answer.
template <class Out, class In, class Ex>
asio::awaitable<In, Ex> speak(Ref<MonitorState> monitor, void_to_monostate<Out> message) {
  using Handed = TypedHandover<void_to_monostate<Out>, void_to_monostate<In>>;
  struct Claim {
    Ref<Handover> kept;
    Handover* const handover;
    bool published = false;
    explicit Claim(MonitorState& state) : handover(&state.claim(kept)) {}
    ~Claim() {
      if (!published) handover->unclaim();
    }
  } claim(*monitor);
  auto& handover = static_cast<Handed&>(*claim.handover);
  if (claim.kept) {
    const Ex executor = co_await asio::this_coro::executor;
    handover.check_context(asio::query(executor, asio::execution::context), "spoken to");
  }
  handover.say(std::move(message));
  Answer<void_to_monostate<In>> answer;
  const auto park = [&claim, &handover, &answer](ParkedHandler& node) {
    claim.published = true;
    handover.publish(node, answer);
  };
  if (!co_await park_in_slot<Ex>(*monitor, park)) throw_cancelled();
  if (answer.thrown) std::rethrow_exception(answer.thrown);
  if constexpr (!std::is_void_v<In>) {
    if constexpr (std::default_initializable<In>)
      if (!answer.data) co_return In{};
    co_return std::move(*answer.data);
  }
}

// A coroutine that can be awaited piece by piece.
template <class T, class Out, class In, class Ex>
class Monitored final : public TypedHandover<void_to_monostate<Out>, void_to_monostate<In>> {
 public:
  using Data = std::optional<void_to_monostate<In>>;
  using Exchanged = std::variant<OOBData<Out>, void_to_monostate<T>>;
  using Entry = Handover::Entry;
  using News = Handover::News;

  Monitored(Ref<MonitorState> monitor, Handover::Kind kind, asio::awaitable<T, Ex>&& coroutine)
      : TypedHandover<void_to_monostate<Out>, void_to_monostate<In>>(std::move(monitor), kind),
        coroutine_(std::move(coroutine)) {}

  // Awaits the coroutine until it says something or ends. `call` is named in an error. Of a generator
  // that has ended already it is the end once more.
  static asio::awaitable<Exchanged, Ex> exchange(Ref<Monitored> self, const char* call,
                                                 OnCancel on_cancel, Data data,
                                                 std::exception_ptr thrown) {
    const Entry entry = self->enter();
    if constexpr (std::is_void_v<T>)
      if (entry == Entry::spent && self->is_generator())
        co_return Exchanged(std::in_place_index<1>);
    if (entry == Entry::busy || entry == Entry::spent) self->refuse(entry, call);
    Turn turn(*self, on_cancel);
    if (entry == Entry::fresh) {
      self->check_first(turn, data, thrown);
      const Ex executor = co_await asio::this_coro::executor;
      self->start(executor);
    } else if (!self->answer(std::move(data), thrown) && thrown) {
      turn.answered = true;
      throw_error(errc::invalid_state,
                  std::string(call) + "(): the coroutine does not wait to be answered");
    }
    News news = self->news();
    // Not in a coroutine of its own: Asio keeps two frames for use again, not more.
    if (news == News::none) {
      const Ex executor = co_await asio::this_coro::executor;
      self->check_context(asio::query(executor, asio::execution::context), "awaited");
      // In a cancelled coroutine every co_await throws, unless it is told not to.
      const bool throws = co_await asio::this_coro::throw_if_cancelled();
      co_await asio::this_coro::throw_if_cancelled(false);
      // The body may have had its awaiter cancelled while it ran on the awaiter's stack.
      const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
      bool cancelled = throws && state.cancelled() != asio::cancellation_type::none;
      const auto park = [handover = self.get()](ParkedHandler& node) {
        handover->park_awaiter(node);
      };
      do {
        if (cancelled && on_cancel == OnCancel::leave) break;
        if (cancelled) self->cancel_body();
        cancelled = !co_await park_in_slot<Ex>(self->monitor(), park);
      } while (cancelled);
      co_await asio::this_coro::throw_if_cancelled(throws);
      if (cancelled) throw_cancelled();
      news = self->news();
    }
    turn.answered = true;
    if (news == News::end) co_return self->take_result();
    if constexpr (std::is_void_v<Out>) co_return Exchanged(std::in_place_index<0>);
    else co_return Exchanged(std::in_place_index<0>, self->take_word());
  }

  // GeneratorExit at the point where it waits to be answered. It may clean up, with awaits, and end;
  // invalid-state with `ignored` if it says something instead, and it stays as it is then. A coroutine
  // that waits for something else is cancelled.
  static asio::awaitable<void, Ex> aclose(Ref<Monitored> self, const char* call,
                                          const char* ignored) {
    const Entry entry = self->entry();
    if (entry == Entry::spent) co_return;
    if (entry == Entry::busy) self->refuse(entry, call);
    if (entry == Entry::fresh) {
      self->close();
      co_return;
    }
    if (!self->may_be_answered()) {
      self->close();
      co_await Handover::join<Ex>(self);
      self->spend();
      if (self->job_->error() && !is_cancelled(self->job_->error()))
        self->rethrow(self->job_->error());
      co_return;
    }
    bool said_something = false;
    try {
      const auto exit = std::make_exception_ptr(GeneratorExit());
      const auto said = co_await exchange(self, call, OnCancel::forward, Data(), exit);
      said_something = said.index() == 0;
    } catch (const GeneratorExit&) {
    }
    if (said_something) throw_error(errc::invalid_state, ignored);
  }

 private:
  struct Turn {
    Monitored& self;
    OnCancel on_cancel;
    bool answered = false;
    Turn(Monitored& monitored, OnCancel forward_or_leave) noexcept
        : self(monitored), on_cancel(forward_or_leave) {}
    ~Turn() { self.leave(on_cancel, answered); }
  };

  void check_first(Turn& turn, const Data& data, const std::exception_ptr& thrown) {
    if (thrown) {
      turn.answered = true;
      this->spend();
      coroutine_.reset();
      std::rethrow_exception(thrown);
    }
    if (is_data(data)) {
      turn.answered = true;
      throw_error(errc::invalid_argument, "can't send non-None value to a just-started coroutine");
    }
  }

  // A job on the awaiter's executor.
  void start(const Ex& executor) {
    EngineConfig config;
    config.policy = ErrorPolicy::suppress;
    config.kind = this->is_generator() ? "generator" : "monitor";
    auto engine = BasicEngine<Ex>::make(executor, config);
    job_ = make_job<Ex>(*engine, no_task_options, AwaitableCall<T, Ex>(std::move(*coroutine_)));
    coroutine_.reset();
    this->started(*engine, *job_, ContextService::of(executor));
    engine->submit_nowait(*job_);
    this->handed_in();
  }

  Exchanged take_result() {
    this->spend();
    if (job_->error()) this->rethrow(job_->error());
    if constexpr (std::is_void_v<T>) return Exchanged(std::in_place_index<1>);
    else return Exchanged(std::in_place_index<1>, std::move(job_->value()));
  }

  std::optional<asio::awaitable<T, Ex>> coroutine_;
  Ref<ResultJob<T, Ex>> job_;
};

// Calls a callable and keeps it until what it returns has ended: a lambda coroutine refers to its
// captures in the closure.
template <class T, class Ex, class F, class... Args>
asio::awaitable<T, Ex> call_and_keep(F function, Args... arguments) {
  co_return co_await std::invoke(function, arguments...);
}

}  // namespace coroexec::detail
