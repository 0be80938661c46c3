#include "actions.hpp"

#include <boost/asio/bind_executor.hpp>

#include "coroexec/with_timeout.hpp"

namespace coroexec::sim {
namespace {

// Stands in the list of those who wait for as long as it lives.
class Waiting {
 public:
  Waiting(World& world, World::Wait wait) : world_(world), place_(world.waits.insert(world.waits.end(), std::move(wait))) {}
  ~Waiting() { world_.waits.erase(place_); }
  Waiting(const Waiting&) = delete;

 private:
  World& world_;
  std::list<World::Wait>::iterator place_;
};

JobLog* chosen_job(Who who, int number) {
  std::vector<JobLog*> known;
  for (auto& job : who.scope->jobs)
    if (job->task && job->number < who.before) known.push_back(job.get());
  return known.empty() ? nullptr : known[static_cast<std::size_t>(number) % known.size()];
}

awaitable<void> wait_for(Who who, Task<Counted> task, bool for_result) {
  const Waiting waiting(*who.world, {task, nullptr});
  if (!for_result) {
    co_await task.wait();
    who.world->require(task.done(), "wait() came back before the job was done");
  } else {
    const Counted result = co_await task.get();
    who.world->require(task.state() == TaskState::succeeded, "get() came back from a job that has not succeeded");
    result.value();
  }
}

void wait_by_handler(Who who, const Task<Counted>& task) {
  struct Once {
    Once(World& w, const Task<Counted>& t) : world(w), waiting(std::in_place, w, World::Wait{t, nullptr}) {}
    World& world;
    std::optional<Waiting> waiting;
  };
  auto once = std::make_shared<Once>(*who.world, task);
  auto handler = [once, task](boost::system::error_code) {
    once->world.require(once->waiting.has_value(), "a waiter was told twice");
    once->world.require(task.done(), "a waiter was told before the job was done");
    once->waiting.reset();
  };
  // Without an executor it would run on a system thread where the job's scope has gone.
  task.async_wait(asio::bind_executor(SchedulingContext::current().get_executor(), std::move(handler)));
}

awaitable<void> join(Who who, const Action& action) {
  ScopeLog& scope = *who.scope;
  if (!scope.has_face()) co_return;
  const Waiting waiting(*who.world, {std::nullopt, &scope});
  std::exception_ptr error;
  try {
    if (action.op == Op::shutdown || action.op == Op::shutdown_now) {
      if (!scope.executor) co_return;
      if (action.op == Op::shutdown_now) scope.cancelled = true;
      co_await scope.executor->shutdown(action.op == Op::shutdown);
    } else if (action.number > 0) {
      const auto limit = milliseconds(action.number);
      if (scope.executor)
        co_await scope.executor->join(limit);
      else
        co_await scope.pool->join(limit);
    } else if (scope.executor) {
      co_await scope.executor->join();
    } else {
      co_await scope.pool->join();
    }
  } catch (...) {
    error = std::current_exception();
  }
  if (!error) co_return;
  bool of_the_scope = serial_of(error) != 0;
  try {
    std::rethrow_exception(error);
  } catch (const TaskGroupError&) {
    of_the_scope = true;
  } catch (...) {
  }
  // Of those that are not told apart it may be.
  of_the_scope |= is_aborted(error) || is_code(error, errc::timed_out);
  if (of_the_scope) scope.error_taken = true;
  std::rethrow_exception(error);
}

void cancel_task(Who who, JobLog& job) {
  const bool was_done = job.task->done();
  // Under the cancelling policy a job that is cancelled by hand cancels the others.
  if (!was_done && job.scope->policy() == int(ErrorPolicy::cancel)) job.scope->cancelled = true;
  who.world->note(job.scope->label(), " job ", std::to_string(job.number), " is cancelled");
  who.world->require(job.task->cancel() == !was_done, "cancel() said something else than done()");
}

void cancel_scope(Who who) {
  if (!who.scope->executor) return;
  who.scope->cancelled = true;
  who.world->note(who.scope->label(), " is cancelled");
  who.scope->executor->cancel();
}

awaitable<void> perform(Who who, const Action& action) {
  World& world = *who.world;
  switch (action.op) {
    case Op::yield: co_return co_await this_task::yield();
    case Op::sleep: co_return co_await sleep_for(milliseconds(action.number));
    case Op::submit: co_return co_await submit(who, action);
    case Op::stream: co_return co_await run_stream(who, action);
    case Op::join:
    case Op::shutdown:
    case Op::shutdown_now: co_return co_await join(who, action);
    case Op::cancel_scope: cancel_scope(who); co_return;
    case Op::scope: co_return co_await run_scope(who, action);
    case Op::with_timeout:
      co_return co_await with_timeout(milliseconds(action.number), run_script(who, action.body));
    case Op::shield: co_return co_await shield(run_script(who, action.body));
    case Op::uncancel:
      co_await this_task::uncancel();
      co_return;
    case Op::fail: throw_fault(world, "fault");
    case Op::abort: throw boost::system::system_error(asio::error::operation_aborted);
    case Op::cancel_self:
      if (who.job && who.job->task) cancel_task(who, *who.job);
      co_return;
    default: break;
  }
  JobLog* const job = chosen_job(who, action.number);
  if (!job) co_return;
  switch (action.op) {
    case Op::wait: co_return co_await wait_for(who, *job->task, false);
    case Op::get: co_return co_await wait_for(who, *job->task, true);
    case Op::async_wait: wait_by_handler(who, *job->task); break;
    case Op::cancel_task: cancel_task(who, *job); break;
    case Op::drop_task:
      job->task.reset();
      job->scope->exact = false;
      break;
    default: break;
  }
}

// After a cancel that has been taken back, with awaits or without.
awaitable<bool> goes_on(Who who) {
  if (who.action->on_cancel == int(OnCancel::swallow)) co_return true;
  co_await this_task::yield();
  if (who.action->on_cancel == int(OnCancel::fail)) throw_fault(*who.world, "clean-up");
  co_await sleep_for(milliseconds(1));
  co_return false;
}

}  // namespace

awaitable<void> run_script(Who who, const std::vector<Action>& actions) {
  for (auto& action : actions) {
    if (who.job) who.world->require(!who.job->scope->ended, "a job's code runs after its scope has ended");
    std::exception_ptr error;
    try {
      co_await perform(who, action);
    } catch (...) {
      error = std::current_exception();
    }
    if (!error) continue;
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (is_aborted(error) && state.cancelled() != asio::cancellation_type::none) {
      if (who.action->on_cancel == int(OnCancel::obey)) std::rethrow_exception(error);
      co_await this_task::uncancel();
      if (!co_await goes_on(who)) std::rethrow_exception(error);
    } else if (!who.action->lenient || action.op == Op::fail || action.op == Op::abort) {
      std::rethrow_exception(error);
    }
  }
}

}  // namespace coroexec::sim
