#include "coroexec/run.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "coroexec/detail/basic_engine.hpp"

namespace coroexec::detail {

using MainEngine = BasicEngine<asio::any_io_executor>;

struct MainContext::Parts final : CompletionSink {
  asio::io_context context{1};
  Ref<MainEngine> engine;
  bool interrupted = false;
  asio::signal_set signals{context, SIGINT, SIGTERM};

  Parts() {
    ContextService::of(static_cast<asio::execution_context&>(context)).set_single_threaded();
    EngineConfig config;
    config.policy = ErrorPolicy::suppress;
    config.kind = "run()";
    engine = MainEngine::make(context.get_executor(), config);
  }
  ~Parts() {
    engine->close();
    context.get_executor().on_work_started();  // for the wait that goes now
  }

  // The wait for a signal must not count as work, or main could wait for nothing else, unnoticed, for
  // ever: what Asio counts for it is taken back while it is pending.
  void watch() {
    signals.async_wait([this](boost::system::error_code ec, int) {
      if (ec) return;
      context.get_executor().on_work_started();
      if (interrupted) return context.stop();
      interrupted = true;
      engine->cancel_all(CancelReason::scope, nullptr);
      watch();
    });
    context.get_executor().on_work_finished();
  }

  // What main left behind is not waited for.
  void completed(TaskBase&) noexcept override { context.stop(); }
};

MainContext::MainContext() : parts_(std::make_unique<Parts>()) {}
MainContext::~MainContext() = default;

Engine& MainContext::engine() noexcept { return *parts_->engine; }

void MainContext::run(Job<asio::any_io_executor>& main) {
  main.sink = parts_.get();
  parts_->engine->run_body(main, parts_->context.get_executor());
  parts_->watch();
  struct Forget {
    Job<asio::any_io_executor>& main;
    ~Forget() { main.sink = nullptr; }
  } forget{main};
  parts_->context.run();
  const bool dropped = main.cancel_reason.load(std::memory_order_relaxed) == CancelReason::dropped;
  if (main.done() && !dropped) return main.check_result();
  if (parts_->interrupted) throw_cancelled();
  throw_error(errc::invalid_state, "run(): main is not done, but nothing is left that it could wait for");
}

}  // namespace coroexec::detail
