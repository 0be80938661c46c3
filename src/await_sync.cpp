#include "coroexec/await_sync.hpp"

#include <boost/asio/io_context.hpp>

#include "coroexec/detail/basic_engine.hpp"

namespace coroexec::detail {

// A context per thread and not per call: a monitored coroutine lives on between the calls that await it.
struct SyncCall::Thread {
  asio::io_context context{1};
  int depth = 0;
  bool left_behind =
      false;  // a coroutine that nothing will ever resume, and that refers to who knows what

  Thread() {
    ContextService::of(static_cast<asio::execution_context&>(context)).set_single_threaded();
  }
  void turn() {
    context.restart();
    context.poll();
  }
};

namespace {

thread_local std::unique_ptr<SyncCall::Thread> sync_thread;

}  // namespace

SyncCall::Thread& SyncCall::this_thread() {
  if (!sync_thread) sync_thread = std::make_unique<Thread>();
  return *sync_thread;
}

SyncCall::SyncCall() : thread_(this_thread()) {
  EngineConfig config;
  config.policy = ErrorPolicy::suppress;
  config.kind = "await_sync";
  engine_ = BasicEngine<asio::any_io_executor>::make(thread_.context.get_executor(), config);
  ++thread_.depth;
}

SyncCall::~SyncCall() {
  engine_->close();
  if (--thread_.depth == 0 && thread_.left_behind) sync_thread.reset();
}

Engine& SyncCall::engine() noexcept { return *engine_; }

void SyncCall::run(TaskBase& job) {
  engine_->submit_nowait(job);
  thread_.turn();
  const bool suspended = !job.done();
  if (suspended) {
    engine_->cancel(job);
    thread_.turn();
  }
  engine_->close();
  thread_.turn();  // lets its worker go
  thread_.left_behind |= !job.done();
  if (suspended)
    throw_error(
        errc::invalid_state,
        "await_sync: the operation waits for something that only an event loop could bring");
  job.check_result();
}

}  // namespace coroexec::detail
