#include "coroexec/run.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/scheduling.hpp"

namespace coroexec::detail {

using MainEngine = BasicEngine<asio::any_io_executor>;

struct MainContext::Parts final : CompletionSink {
  std::unique_ptr<SchedulingContext> own_scheduling;
  SchedulingContext* const scheduling;  // null: a plain context
  std::optional<asio::io_context> own_plain;
  asio::io_context& context;
  Ref<MainEngine> engine;
  bool over = false;
  bool interrupted = false;
  std::optional<asio::signal_set> signals;

  explicit Parts(std::unique_ptr<SchedulingContext> own)
      : own_scheduling(std::move(own)),
        scheduling(own_scheduling.get()),
        context(scheduling ? context_of(*scheduling) : own_plain.emplace(1)) {
    set_up();
    signals.emplace(context);  // its constructor of several loses the first if it fails with the second
    signals->add(SIGINT);
    signals->add(SIGTERM);
  }
  explicit Parts(SchedulingContext& given) : scheduling(&given), context(context_of(given)) { set_up(); }
  ~Parts() {
    engine->close();
    if (signals) context.get_executor().on_work_started();  // for the wait that goes now
  }

  static asio::io_context& context_of(SchedulingContext& scheduling) {
    return static_cast<asio::io_context&>(asio::query(scheduling.get_executor(), asio::execution::context));
  }

  void set_up() {
    ContextService::of(static_cast<asio::execution_context&>(context)).set_single_threaded();
    EngineConfig config;
    config.policy = ErrorPolicy::suppress;
    config.kind = "run()";
    engine = MainEngine::make(executor(), config);
  }

  asio::any_io_executor executor() {
    if (scheduling) return scheduling->get_executor();
    return context.get_executor();
  }

  // The wait for a signal must not count as work, or main could wait for nothing else, unnoticed, for
  // ever: what Asio counts for it is taken back while it is pending.
  void watch() {
    signals->async_wait([this](boost::system::error_code ec, int) {
      if (ec) return;
      context.get_executor().on_work_started();
      if (interrupted) return end();
      interrupted = true;
      engine->cancel_all(CancelReason::scope, nullptr);
      watch();
    });
    context.get_executor().on_work_finished();
  }

  // What main left behind is not waited for.
  void completed(TaskBase&) noexcept override { end(); }
  void end() noexcept {
    over = true;
    context.stop();
  }
};

MainContext::MainContext()
    : MainContext(context_policy() ? context_policy()() : std::unique_ptr<SchedulingContext>()) {}
MainContext::MainContext(std::unique_ptr<SchedulingContext> own)
    : parts_(std::make_unique<Parts>(std::move(own))) {}
MainContext::MainContext(SchedulingContext& given) : parts_(std::make_unique<Parts>(given)) {}
MainContext::~MainContext() = default;

Engine& MainContext::engine() noexcept { return *parts_->engine; }

void MainContext::run(Job<asio::any_io_executor>& main) {
  main.sink = parts_.get();
  parts_->engine->run_body(main, parts_->executor());
  if (parts_->signals) parts_->watch();
  struct Forget {
    Job<asio::any_io_executor>& main;
    ~Forget() { main.sink = nullptr; }
  } forget{main};
  if (parts_->scheduling)
    turn(main);
  else
    parts_->context.run();
  const bool dropped = main.cancel_reason.load(std::memory_order_relaxed) == CancelReason::dropped;
  if (main.done() && !dropped) return main.check_result();
  if (parts_->interrupted) throw_cancelled();
  throw_error(errc::invalid_state, "run(): main is not done, but nothing is left that it could wait for");
}

// If nothing can happen any more, all is cancelled, so that it ends in good order if it can: main last,
// as the others may refer to what is in it.
void MainContext::turn(const Job<asio::any_io_executor>& main) {
  auto& scheduling = *parts_->scheduling;
  const auto over = [parts = parts_.get()] { return parts->over; };
  if (scheduling.turn(Condition(over))) return;
  if (main.done()) return;
  const auto stuck = make_error(errc::invalid_state, "run(): nothing can make progress any more: " +
                                                         scheduling.who_waits_for_what(main));
  const auto alone = [&] { return over() || scheduling.free_tasks().idle(); };
  scheduling.free_tasks().cancel_jobs();
  scheduling.turn(Condition(alone));
  parts_->engine->cancel_all(CancelReason::scope, nullptr);
  scheduling.turn(Condition(over));
  std::rethrow_exception(stuck);
}

}  // namespace coroexec::detail
