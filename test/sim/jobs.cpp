// Jobs, and how they are handed in.
#include <algorithm>

#include "actions.hpp"

namespace coroexec::sim {
namespace {

// From the beginning of a job's code, or of its callback's, until its frame goes.
class Inside {
 public:
  Inside(World& world, JobLog& job, bool callback = false) : world_(world), job_(job) {
    world.job_begins(job, callback);
    ++job.scope->frames;
  }
  ~Inside() {
    --job_.scope->frames;
    world_.job_ends(job_);
  }
  Inside(const Inside&) = delete;

 private:
  World& world_;
  JobLog& job_;
};

// Remembers how a job's code was left, and makes every error but a cancel one that is known again.
void leave(World& world, JobLog& job, const std::exception_ptr& error) {
  job.cancel_seen |= this_task::cancel_requested();
  if (!error) {
    job.left = Left::returned;
  } else if (is_aborted(error)) {
    job.left = Left::aborted;
    if (!job.cancel_seen) job.scope->cancelled = true;  // a failure of its own that says so
    world.note(job.scope->label(), " job ", std::to_string(job.number), " aborts");
    std::rethrow_exception(error);
  } else {
    const Fault fault(world.next_serial(), "job " + std::to_string(job.number));
    world.job_failed(job, fault.serial());
    world.note(job.scope->label(), " ", fault.what(), " fails");
    throw fault;
  }
}

// What a pool takes: a callable without parameters.
struct PoolJob {
  Who who;
  Counted argument;
  Fragile fragile;
  awaitable<Counted> operator()() { return run_job(who, who.job->number, std::move(argument), std::move(fragile)); }
};

struct Callback {
  World* world;
  JobLog* job;
  How how;
  Counted counted;

  awaitable<Counted> operator()(std::optional<Counted> result, std::exception_ptr error) const {
    return run(world, job, how, std::move(result), error);
  }

  static awaitable<Counted> run(World* world, JobLog* job, How how, std::optional<Counted> result,
                                std::exception_ptr error) {
    world->require(result.has_value() != (error != nullptr), "a callback got a result and an error, or neither");
    world->require(error ? serial_of(error) == job->fault || is_aborted(error) : job->left == Left::returned,
                   "a callback was told another end than its job's");
    job->left = Left::not_started;
    job->accepted = 0;
    job->callback_missing = false;
    const Inside inside(*world, *job, true);
    std::exception_ptr thrown;
    try {
      if (how == How::slow_callback) co_await sleep_for(milliseconds(2));
      if (how == How::failing_callback) throw_fault(*world, "callback");
    } catch (...) {
      thrown = std::current_exception();
    }
    leave(*world, *job, thrown);
    co_return Counted(world->results, job->number);
  }
};

void accepted(World& world, JobLog& job, Task<Counted> task) {
  world.require(task.state() != TaskState::running, "a job runs inside the call that hands it in");
  job.accepted = ++job.scope->accepted;
  job.task = std::move(task);
  world.note(job.scope->label(), " job ", std::to_string(job.number), " accepted");
}

// Not accepted by the end of the call, whatever the reason: then it never runs.
struct HandIn {
  JobLog& job;
  ~HandIn() {
    if (!job.accepted) job.refused = true;
  }
};

awaitable<void> submit_to(CoroutineExecutor& executor, Who who, How how, Counted argument, Fragile fragile) {
  World& world = *who.world;
  JobLog& job = *who.job;
  const TaskOptions options = task_options(*job.action);
  if (how == How::wait) {
    auto operation = executor.submit(options, &run_job, who, job.number, std::move(argument), std::move(fragile));
    job.handed_in = true;
    auto task = co_await std::move(operation);
    accepted(world, job, std::move(task));
  } else if (how == How::attempt) {
    auto task = executor.try_submit(options, &run_job, who, job.number, std::move(argument), std::move(fragile));
    job.handed_in = true;
    if (task) accepted(world, job, std::move(*task));
  } else {
    auto task = executor.submit_nowait(options, &run_job, who, job.number, std::move(argument), std::move(fragile));
    job.handed_in = true;
    accepted(world, job, std::move(task));
  }
}

awaitable<void> submit_to(AioPool& pool, Who who, How how, Counted argument, Fragile fragile) {
  World& world = *who.world;
  JobLog& job = *who.job;
  const TaskOptions options = task_options(*job.action);
  PoolJob call{who, std::move(argument), std::move(fragile)};
  if (how == How::wait) {
    auto operation = pool.spawn(options, moved(call));
    job.handed_in = true;
    auto task = co_await std::move(operation);
    accepted(world, job, std::move(task));
  } else if (how == How::exec) {
    job.scope->exact = false;
    auto operation = pool.exec(options, moved(call));
    job.handed_in = true;
    const Counted result = co_await std::move(operation);
    world.require(result.value() == job.number, "exec() gave another job's result");
  } else if (how == How::nowait || how == How::attempt) {
    auto task = pool.spawn_n(options, moved(call));
    job.handed_in = true;
    accepted(world, job, std::move(task));
  } else {
    Callback callback{&world, &job, how, Counted(world.others, job.number)};
    auto operation = pool.spawn(options, moved(call), moved(callback));
    job.handed_in = true;
    auto task = co_await std::move(operation);
    accepted(world, job, std::move(task));
  }
}

}  // namespace

Fragile::Fragile(Fragile&& other) : world_(other.world_), job_(other.job_), left_(other.left_) {
  other.left_ = 0;
  if (left_ == 0 || --left_ > 0) return;
  const Fault fault(world_->next_serial(), "fragile argument");
  if (job_->handed_in) world_->job_failed(*job_, fault.serial());
  throw fault;
}

void throw_fault(World& world, const char* text) { throw Fault(world.next_serial(), text); }

TaskOptions task_options(const Action& action) {
  TaskOptions options;
  if (action.job_timeout) options.timeout = milliseconds(action.job_timeout);
  return options;
}

awaitable<void> submit(Who who, const Action& action) {
  ScopeLog& scope = *who.scope;
  if (!scope.has_face()) co_return;
  JobLog& job = who.world->new_job(scope, action);
  const HandIn handed_in{job};
  const auto how = static_cast<How>(action.how);
  // The caller of exec() waits for it.
  const int before = how == How::exec ? std::min(job.number, who.before) : job.number;
  const Who its{who.world, &scope, &job, &action, before};
  Counted argument(scope.arguments, job.number);
  Fragile fragile(*who.world, job, action.fragile);
  if (scope.executor)
    co_await submit_to(*scope.executor, its, how, std::move(argument), std::move(fragile));
  else
    co_await submit_to(*scope.pool, its, how, std::move(argument), std::move(fragile));
}

awaitable<Counted> run_job(Who who, int value, Counted argument, Fragile) {
  const Inside inside(*who.world, *who.job);
  who.world->require(argument.value() == value, "a job got another one's argument");
  who.world->note(who.job->scope->label(), " job ", std::to_string(who.job->number), " begins");
  std::exception_ptr error;
  try {
    co_await run_script(who, who.job->action->body);
  } catch (...) {
    error = std::current_exception();
  }
  leave(*who.world, *who.job, error);
  who.world->note(who.job->scope->label(), " job ", std::to_string(who.job->number), " ends");
  co_return Counted(who.world->results, value);
}

}  // namespace coroexec::sim
