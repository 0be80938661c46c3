#include "coroexec/detail/kept_engine.hpp"

#include <boost/asio/io_context.hpp>
#include <string>

namespace coroexec::detail {

Ref<Engine> kept_engine_for(KeptKey key, MakeKept make) {
  auto& service = ContextService::of(key.executor);
  // A strand makes its tasks serial, but not what is kept for all strands of a context with several threads.
  if (!service.single_threaded() && !key.executor.target<asio::io_context::executor_type>()) key.threads = true;
  key.threads = key.threads && (key.kind == KeptKind::gates || !service.has_ready_queue());
  if (auto engine = service.find_kept(key)) return engine;
  auto made = make(key);
  made->kept_type = key.type;
  auto engine = service.keep(key, made);
  if (engine.get() != made.get()) made->close();
  return engine;
}

Ref<Engine> kept_engine_of_caller(KeptKind kind, const void* type, std::string_view who, MakeKept make) {
  Worker* const worker = current_worker();
  Engine* const own = worker && worker->job ? worker->engine : nullptr;
  if (!own)
    throw_error(errc::invalid_state, std::string(who) +
                                         " outside of any job needs an executor before the coroutine");
  // The context closes one that has nothing to do when it makes another.
  if (auto engine = own->kept_engine(kind, type); engine && engine->open()) return engine;
  const bool threads = kind == KeptKind::gates || own->threads();
  auto engine = kept_engine_for({kind, type, threads,
                                 worker->queue ? base_executor(worker->queue->base())
                                               : own->completion_executor()},
                                make);
  own->remember_kept(kind, engine);
  return engine;
}

}  // namespace coroexec::detail
