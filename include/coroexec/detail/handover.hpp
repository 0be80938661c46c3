// How two coroutines talk: one awaits, the other says something in the middle of its work and goes on
// when it is awaited again, with what it is answered. Behind Monitor, GeneratorObject and generate.
//
// The one that speaks is a job, "the body", or some coroutine that it waits for. Whoever waits, for
// words or for the answer, is one handler in one slot. An answer resumes the speaker on the awaiter's
// own stack where it can: then a round trip needs no queue, and the awaiter is not even suspended.
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "coroexec/detail/engine.hpp"
#include "coroexec/error.hpp"

namespace coroexec::detail {

class Handover;

// As post_node(), but the node may run at once, on the caller's stack, where `executor` allows that.
template <class Ex>
void dispatch_node(const Ex& executor, QueueNode& node) {
  if constexpr (std::is_same_v<Ex, asio::any_io_executor>) {
    if (auto* job_executor = executor.template target<JobExecutor>()) {
      node.worker = &job_executor->worker();
      return job_executor->queue().dispatch(node);
    }
  }
  asio::dispatch(executor, NodeRunner(node));
}

// What the coroutines of one monitor share: which of them is listened to.
class COROEXEC_DECL MonitorState final : public PooledObject {
 public:
  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.remove()) delete this;
  }

  // The one that may be spoken to now, until its publish() or unclaim(). Throws invalid-state if there
  // is none, GeneratorExit if it is being closed. It is `kept` unless its own body speaks.
  Handover& claim(Ref<Handover>& kept);

 private:
  friend class Handover;
  friend class ParkedHandler;
  // As if there were several threads, until a coroutine has been started: then as its engine.
  RefCount references_{true};
  mutable OptionalMutex mutex_{true};
  Handover* active_ = nullptr;  // mutex, as the next
  bool closed_ = false;         // the last one was closed
};

// A coroutine's handler in a slot, called with true when it is resumed and with false when it has been
// cancelled. Whoever takes it out of the slot, under the monitor's mutex, resumes or drops it.
class COROEXEC_DECL ParkedHandler : public QueueNode, public PooledObject {
 public:
  explicit ParkedHandler(MonitorState& monitor) noexcept : monitor_(&monitor) {
    worker = current_worker();
  }
  virtual ~ParkedHandler() = default;
  void post() noexcept;  // it runs later
  // Or on the caller's stack, where its executor allows that.
  virtual void send(bool may_run_now) = 0;

 protected:
  void cancel() noexcept;
  bool resumed_ = true;

 private:
  friend class Handover;
  MonitorState* monitor_;           // kept by the coroutine
  ParkedHandler** slot_ = nullptr;  // null: on its way
};

template <class Handler>
class ParkedHandlerOf final : public ParkedHandler {
 public:
  ParkedHandlerOf(Handler&& handler, MonitorState& monitor)
      : ParkedHandler(monitor), handler_(std::move(handler)) {
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.assign(Canceller{this});
  }
  void run() override {
    asio::get_associated_cancellation_slot(handler_).clear();
    Handler handler(std::move(handler_));
    const bool resumed = resumed_;
    delete this;
    std::move(handler)(resumed);
  }
  void drop() noexcept override { delete this; }
  void send(bool may_run_now) override {
    const auto executor = asio::get_associated_executor(handler_);
    if (may_run_now) dispatch_node(executor, *this);
    else post_node_in(room_, executor, *this);
  }

 private:
  struct Canceller {
    ParkedHandlerOf* node;
    void operator()(asio::cancellation_type type) const {
      if (type != asio::cancellation_type::none) node->cancel();
    }
  };
  Handler handler_;
  PostRoom room_;
};

// What a speaker is answered; in its own frame.
struct AnswerBase {
  std::exception_ptr thrown;
};
template <class In>
struct Answer : AnswerBase {
  std::optional<In> data;
};

enum class OnCancel : std::uint8_t {
  forward,  // a cancelled awaiter has the body cancelled, and waits for what comes of that
  leave,    // it goes away, and what it asked for is kept for the next one
};

// One coroutine that may be awaited piece by piece, without its types.
class COROEXEC_DECL Handover : public PooledObject, public CompletionSink {
 public:
  enum class Kind : std::uint8_t { monitor, generator };
  enum class Entry : std::uint8_t { fresh, started, busy, spent };
  enum class News : std::uint8_t { none, word, end };

  Handover(Ref<MonitorState> monitor, Kind kind) noexcept
      : monitor_(std::move(monitor)), kind_(kind) {}
  Handover(const Handover&) = delete;
  virtual ~Handover();
  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.remove()) delete this;
  }
  MonitorState& monitor() const noexcept { return *monitor_; }
  bool is_generator() const noexcept { return kind_ == Kind::generator; }

  // ---- the awaiter's half

  // One awaiter at a time: unless busy or spent, the body may speak once, until leave(). The speaker
  // that waits is taken, to be answered and resumed.
  Entry enter() noexcept;
  Entry entry() const noexcept;  // what enter() would give
  bool may_be_answered() const noexcept;
  // Not `answered`: the awaiter was destroyed in the middle of it, and a body whose awaiter's cancel
  // is forwarded is closed. Else what news() told has been taken.
  void leave(OnCancel on_cancel, bool answered) noexcept;
  bool awaited() const noexcept;
  News news() const noexcept;
  void park_awaiter(ParkedHandler& node) noexcept;  // until there are any
  void cancel_body() noexcept;
  void spend() noexcept;  // nothing will come of it any more

  // Asks the body to end: GeneratorExit where it waits to be answered and for all it says from now
  // on, a cancel if it waits for something else. Any thread.
  void close() noexcept;
  // Until the body has ended, whatever happens meanwhile; then its error.
  template <class Ex>
  static asio::awaitable<void, Ex> join(Ref<Handover> handover);
  const std::exception_ptr& error() const noexcept { return job_->error(); }

  // ---- the speaker's half

  void unclaim() noexcept;
  // The word can be read, the speaker waits for its answer.
  void publish(ParkedHandler& speaker, AnswerBase& answer) noexcept;
  // All that talk run on one context: who parks is dropped when that dies.
  void check_context(const asio::execution_context& context, const char* who) const;

  // ---- the context's

  ListLinks<Handover> in_service;
  void context_dies() noexcept;

 protected:
  // Before the job is handed in, and after that.
  void started(Engine& engine, TaskBase& job, ContextService& service) noexcept;
  void handed_in() noexcept;
  // Of the speaker that enter() has taken, if there was one; then it must be resumed.
  AnswerBase* answer() const noexcept { return taken_ ? taken_answer_ : nullptr; }
  void resume();
  // Rethrows; what may not leave a coroutine comes as the cause of an invalid-state error.
  [[noreturn]] void refuse(Entry entry, std::string_view call) const;
  [[noreturn]] void rethrow(const std::exception_ptr& error) const;

 private:
  friend class MonitorState;
  friend class ParkedHandler;
  enum class Stage : std::uint8_t { fresh, started, over, spent };

  void completed(TaskBase& job) noexcept override;
  Entry entry_locked() const noexcept;
  bool is_body(const Worker* speaker) const noexcept;
  static ParkedHandler* take(ParkedHandler*& slot) noexcept;
  void put(ParkedHandler*& slot, ParkedHandler& node) noexcept;

  static constexpr std::uint8_t resumed_in_a_row = 255;  // then timers and sockets get their turn

  RefCount references_{true};
  const Ref<MonitorState> monitor_;
  const Kind kind_;
  Ref<Engine> engine_;
  Ref<TaskBase> job_;
  ContextService* service_ = nullptr;
  asio::execution_context* context_ = nullptr;
  ParkedHandler* awaiter_ = nullptr;  // these: the monitor's mutex
  ParkedHandler* speaker_ = nullptr;
  AnswerBase* answer_ = nullptr;    // of the speaker
  ParkedHandler* taken_ = nullptr;  // these two: the awaiter's
  AnswerBase* taken_answer_ = nullptr;
  Stage stage_ = Stage::fresh;
  bool awaited_ = false;
  bool claimed_ = false;
  bool has_word_ = false;
  bool body_speaks_ = false;  // and not a job of it
  bool closed_ = false;
  std::uint8_t resumed_ = 0;
};

// Waits in a slot. False: cancelled.
template <class Ex, class Park>
asio::awaitable<bool, Ex> park_in_slot(MonitorState& monitor, Park park) {
  return asio::async_initiate<const asio::use_awaitable_t<Ex>, void(bool)>(
      [&monitor, park](auto handler) {
        park(*new ParkedHandlerOf<decltype(handler)>(std::move(handler), monitor));
      },
      asio::use_awaitable_t<Ex>());
}

template <class Ex>
asio::awaitable<void, Ex> Handover::join(Ref<Handover> handover) {
  if (!handover->job_) co_return;
  auto& job = *handover->job_;
  auto& engine = *handover->engine_;
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!co_await wait_until<Ex>(engine.waiters_of(job), engine.mutex(), job.is_done())) {
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

}  // namespace coroexec::detail
