// Scopes: executors and pools around a body, or made by hand and left behind.
#include "actions.hpp"

namespace coroexec::sim {
namespace {

ExecutorOptions executor_options(const Action& a) {
  ExecutorOptions options;
  options.max_workers = a.bound ? static_cast<std::size_t>(a.bound) : unlimited;
  if (a.timeout) options.timeout = milliseconds(a.timeout);
  options.on_error = static_cast<ErrorPolicy>(a.policy);
  if (a.backlog >= 0) options.backlog = static_cast<std::size_t>(a.backlog);
  options.max_per_second = a.rate;
  options.burst = static_cast<std::size_t>(a.burst);
  options.threading = a.threads ? Threading::multi : Threading::single;
  return options;
}

PoolOptions pool_options(const Action& a) {
  const ExecutorOptions same = executor_options(a);
  return {.size = same.max_workers,
          .backlog = same.backlog,
          .max_per_second = same.max_per_second,
          .burst = same.burst,
          .threading = same.threading};
}

// The body's errors are the scope's, so they are made known again as a job's are.
awaitable<void> run_body(Who who) {
  World& world = *who.world;
  ScopeLog& scope = *who.scope;
  world.note(scope.label(), " body begins");
  std::exception_ptr error;
  try {
    co_await run_script(who, who.action->body);
  } catch (...) {
    error = std::current_exception();
  }
  world.note(scope.label(), " body ends");
  if (!error) co_return;
  if (is_aborted(error)) {
    if (!this_task::cancel_requested()) scope.cancelled = true;
    std::rethrow_exception(error);
  }
  const Fault fault(world.next_serial(), "body of " + scope.label());
  scope.firsts.push_back({fault.serial(), SchedulingContext::current().now()});
  world.note(fault.what(), " fails");
  throw fault;
}

// Tells the log where the face is.
struct Present {
  ScopeLog& scope;
  Present(ScopeLog& s, CoroutineExecutor& executor) : scope(s) { s.executor = &executor; }
  Present(ScopeLog& s, AioPool& pool) : scope(s) { s.pool = &pool; }
  ~Present() { scope.executor = nullptr, scope.pool = nullptr; }
};

template <class Face, class Options>
awaitable<void> run_loose(Who who, Options options) {
  const asio::any_io_executor home = co_await asio::this_coro::executor;
  Face face(home, options);
  const Present present(*who.scope, face);
  co_await run_script(who, who.action->body);
}

}  // namespace

awaitable<void> run_scope(Who who, const Action& action) {
  World& world = *who.world;
  ScopeLog& scope = world.new_scope(action);
  Who body{&world, &scope, nullptr, &action, std::numeric_limits<int>::max()};
  const auto kind = static_cast<ScopeKind>(action.kind);
  // The script of a loose scope is its owner's own code.
  if (kind == ScopeKind::loose_executor) co_return co_await run_loose<CoroutineExecutor>(body, executor_options(action));
  if (kind == ScopeKind::loose_pool) co_return co_await run_loose<AioPool>(body, pool_options(action));

  std::exception_ptr error;
  try {
    if (kind == ScopeKind::executor) {
      const auto call = [body](CoroutineExecutor& executor) -> awaitable<void> {
        body.scope->executor = &executor;
        return run_body(body);
      };
      co_await with_executor(executor_options(action), call);
    } else {
      const auto call = [body](AioPool& pool) -> awaitable<void> {
        body.scope->pool = &pool;
        return run_body(body);
      };
      co_await with_pool(pool_options(action), call);
    }
  } catch (...) {
    error = std::current_exception();
  }
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  world.note(scope.label(), " has ended", error ? " with " + detail::message_of(error) : std::string());
  world.scope_ended(scope);
  world.check_scope_error(scope, error, state.cancelled() != asio::cancellation_type::none);
  if (error) std::rethrow_exception(error);
}

}  // namespace coroexec::sim
