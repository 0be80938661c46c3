#include "world.hpp"

#include <algorithm>

namespace coroexec::sim {

int serial_of(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const Fault& fault) {
    return fault.serial();
  } catch (...) {
  }
  return 0;
}

bool is_code(const std::exception_ptr& error, boost::system::error_code code) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    return e.code() == code;
  } catch (...) {
  }
  return false;
}

std::string ScopeLog::label() const { return std::string("scope ") + std::to_string(number); }

ScopeLog& World::new_scope(const Action& action) {
  auto& scope = *scopes_.emplace_back(std::make_unique<ScopeLog>());
  scope.number = static_cast<int>(scopes_.size());
  scope.action = &action;
  scope.bound = action.bound;
  scope.begin = now();
  return scope;
}

JobLog& World::new_job(ScopeLog& scope, const Action& action) {
  auto& job = *scope.jobs.emplace_back(std::make_unique<JobLog>());
  job.scope = &scope;
  job.action = &action;
  job.number = static_cast<int>(scope.jobs.size());
  return job;
}

void World::violate(const std::string& rule) {
  if (!violation) violation = rule;
  note("VIOLATION: ", rule);
  throw Violation(rule);
}

void World::add_to_log(std::string text) {
  const auto time = std::chrono::duration_cast<milliseconds>(now().time_since_epoch()).count();
  log.push_back("[" + std::to_string(time) + " ms, step " + std::to_string(steps) + "] " + std::move(text));
}

// ---- after every step

void World::step(bool at_rest) {
  if (violation) throw Violation(*violation);
  constexpr int enough = 100'000;
  if (++steps > enough) violate("a program that should end goes on and on");
  for (auto& scope : scopes_) {
    if (!scope->has_face()) continue;
    check_counts(*scope, at_rest);
    check_errors(*scope, at_rest);
  }
  if (!at_rest) return;
  for (auto& wait : waits) {
    if (wait.task && wait.task->done()) violate("a job is done, but who waits for it was not told");
    if (!wait.joins || !wait.joins->has_face()) continue;
    const Stats stats = wait.joins->stats();
    if (stats.active + stats.queued + stats.waiting == 0)
      violate(wait.joins->label() + " has nothing to do, but who joins it was not told");
  }
}

void World::check_counts(ScopeLog& scope, bool at_rest) {
  const Stats now = scope.stats();
  const auto bound = static_cast<std::size_t>(scope.bound);
  if (bound && now.active > bound) violate(scope.label() + " counts more active jobs than its bound");
  if (static_cast<std::size_t>(scope.active) > now.active)
    violate(scope.label() + " counts fewer active jobs than there are");
  if (now.succeeded < scope.last.succeeded || now.failed < scope.last.failed || now.cancelled < scope.last.cancelled)
    violate(scope.label() + " has fewer ended jobs than before");
  scope.last = now;
  const bool free_slot = !bound || now.active < bound;
  if (at_rest && free_slot && now.queued > 0 && !scope.action->rate)
    violate(scope.label() + " has a queued job and a free slot, but nothing is ready");
  if (at_rest && free_slot && now.queued == 0 && now.waiting > 0)
    violate(scope.label() + " has a free slot, but somebody waits for room");
  Stats known{};
  for (auto& job : scope.jobs) {
    if (!job->task) continue;
    const TaskState state = job->task->state();
    if (job->final_state && *job->final_state != state) violate("a job that is done has changed its state");
    if (job->task->done()) job->final_state = state;
    switch (state) {
      case TaskState::queued: ++known.queued; break;
      case TaskState::running: ++known.active; break;
      case TaskState::succeeded: ++known.succeeded; break;
      case TaskState::failed: ++known.failed; break;
      case TaskState::cancelled: ++known.cancelled; break;
    }
  }
  const bool too_many = known.queued > now.queued || known.active > now.active || known.succeeded > now.succeeded ||
                        known.failed > now.failed || known.cancelled > now.cancelled;
  const bool differ = known.queued != now.queued || known.active != now.active || known.done() != now.done();
  if (too_many || (scope.exact && differ)) violate(scope.label() + ": its counts differ from its jobs' states");
}

// They are there in the order in which they happened; the last may not have arrived yet.
void World::check_errors(ScopeLog& scope, bool at_rest) {
  if (!scope.executor || scope.policy() == int(ErrorPolicy::suppress)) return;
  if (!at_rest && scope.errors_seen == scope.faults.size()) return;
  std::vector<int> serials;
  for (auto& error : scope.executor->errors())
    if (const int serial = serial_of(error.exception)) serials.push_back(serial);
  if (serials.size() > scope.faults.size() || !std::equal(serials.begin(), serials.end(), scope.faults.begin()))
    violate(scope.label() + ": errors() are not in the order in which they happened");
  if (at_rest && serials.size() != scope.faults.size()) violate(scope.label() + ": an error is not in errors()");
  scope.errors_seen = serials.size();
}

// ---- jobs

void World::job_begins(JobLog& job, bool callback) {
  auto& scope = *job.scope;
  require(!scope.ended, "a job runs after its scope has ended");
  require(!job.refused, "a job runs that was refused");
  require(job.left == Left::not_started, "a job runs twice");
  job.left = Left::inside;
  ++scope.active;
  const int bound = scope.bound - (lie == Lie::bound ? 1 : 0);
  if (scope.bound && scope.active > bound) violate(scope.label() + " has more jobs active than its bound");
  if (job.accepted) {
    require(job.accepted > scope.last_started, "a job starts before one that was accepted earlier");
    scope.last_started = job.accepted;
  }
  if (callback || !scope.action->rate || scope.action->op != Op::scope) return;
  scope.starts.push_back(now());
  for (std::size_t i = 0; i < scope.starts.size(); ++i) {
    const std::chrono::duration<double> window = now() - scope.starts[i];
    const double allowed = scope.action->burst + window.count() * scope.action->rate;
    require(static_cast<double>(scope.starts.size() - i) <= allowed + 1e-6, "jobs start faster than the rate");
  }
}

void World::job_ends(JobLog& job) noexcept {
  --job.scope->active;
  if (job.left == Left::inside) job.left = Left::destroyed;
}

void World::job_failed(JobLog& job, int serial) {
  job.left = Left::failed;
  job.fault = serial;
  if (job.streamed || job.scope->policy() == int(ErrorPolicy::suppress)) return;
  job.scope->faults.push_back(serial);
  if (job.scope->policy() == int(ErrorPolicy::cancel)) job.scope->firsts.push_back({serial, now()});
}

void World::check_job(JobLog& job) {
  if (!job.task) return;
  const auto& task = *job.task;
  require(task.done(), "a job is not done though its scope has ended");
  const TaskState state = task.state();
  switch (job.left) {
    case Left::returned:
      // Its callback may have been cancelled before it began.
      if (job.action->how >= int(How::callback) && job.callback_missing && state == TaskState::cancelled) return;
      return require(state == TaskState::succeeded, "a job that returned has not succeeded");
    case Left::failed:
      require(state == TaskState::failed, "a job that threw has not failed");
      return require(serial_of(task.exception()) == job.fault, "a job's error is not what it threw");
    case Left::aborted:
      if (job.cancel_seen) return require(state == TaskState::cancelled, "a cancelled job does not count as cancelled");
      return require(state == TaskState::cancelled || state == TaskState::failed, "a job that aborted has succeeded");
    case Left::inside: return violate("a job's code is still running though the job is done");
    case Left::not_started:
    case Left::destroyed: return require(state == TaskState::cancelled, "a job that never ended is not cancelled");
  }
}

// ---- scopes

void World::scope_ended(ScopeLog& scope) {
  scope.ended = true;
  scope.executor = nullptr;
  scope.pool = nullptr;
  const int alive = lie == Lie::alive && scope.accepted > 2 ? 1 : 0;
  require(scope.active + alive == 0, "a job is active though its scope has ended");
  require(scope.frames == 0, "a frame lives though its scope has ended");
  require(scope.arguments == 0 || scope.left_behind, "an argument lives though its scope has ended");
  for (auto& job : scope.jobs) check_job(*job);
}

void World::check_scope_error(ScopeLog& scope, const std::exception_ptr& error, bool owner_cancelled) {
  const int timeout = scope.is_pool() ? 0 : scope.action->timeout;
  const auto deadline = scope.begin + milliseconds(timeout);
  const bool may_be_late = timeout && now() >= deadline;
  if (!error) {
    require(scope.firsts.empty() || scope.error_taken, "a scope's error is lost");
    require(scope.policy() != int(ErrorPolicy::collect) || scope.faults.empty() || scope.error_taken,
            "a scope's errors are lost");
    return;
  }
  if (const int fault = serial_of(error)) {
    if (scope.error_taken) return;
    require(!scope.firsts.empty(), "a scope's error comes from elsewhere");
    if (!scope.cancelled) require(scope.firsts.front().serial == fault, "a scope's error is not its first");
    if (may_be_late && !scope.cancelled)
      require(scope.firsts.front().time <= deadline, "a scope's error is not the timeout that came first");
  } else if (is_code(error, errc::timed_out)) {
    require(may_be_late, "a scope's timeout comes early");
    if (!scope.firsts.empty() && !scope.error_taken)
      require(scope.firsts.front().time >= deadline, "a scope's error is its timeout, not the first");
  } else if (is_aborted(error)) {
    // Who has taken a timeout from a join leaves the scope its body's cancel.
    require(scope.cancelled || owner_cancelled || scope.error_taken, "a scope was cancelled by nobody");
    if (!scope.cancelled && !scope.error_taken) require(scope.firsts.empty(), "a scope's error is lost in a cancel");
  } else {
    try {
      std::rethrow_exception(error);
    } catch (const TaskGroupError& group) {
      std::vector<int> serials;
      for (auto& e : group.errors())
        if (const int serial = serial_of(e.exception)) serials.push_back(serial);
      require(serials == scope.faults, "a scope's errors are not all, or not in their order");
    } catch (const std::exception& other) {
      violate(std::string("a scope ended with ") + other.what());
    }
  }
}

// ---- streams

void World::check_given(StreamLog& stream, int value, bool ordered) {
  const int expected = lie == Lie::order && stream.given == 2 ? 1 : stream.given;
  ++stream.given;
  if (ordered) require(value == expected, "an ordered stream's results are not in the input's order");
  require(stream.values.insert(value).second, "a stream gave a result twice");
  require(value < stream.action->inputs, "a stream gave what was not in the input");
}

void World::check_pace(const StreamLog& stream) {
  const bool free = stream.counts != stream.scope;
  // A pool's streams have a wide window of their own, and what collect() has read is not told.
  if (!stream.counts->bound || stream.action->leave == int(Leave::collect) || (!free && stream.scope->is_pool())) return;
  require(stream.pulled - stream.given <= stream.counts->bound + (free ? 2 : 1),
          "a stream runs ahead of its reader");
}

// ---- the end

void World::check_over() {
  for (auto& scope : scopes_)
    for (auto& job : scope->jobs) check_job(*job);
  require(waits.empty(), "somebody still waits");
  for (auto& task : all_tasks())
    if (task != current_task()) violate("at the end something still lives: " + task.label());
}

void World::check_nothing_lives() {
  if (violation) return;
  for (auto& scope : scopes_) {
    require(scope->active == 0 && scope->frames == 0, "a job's frame was not destroyed");
    require(scope->arguments == 0, "an argument was not destroyed");
    for (auto& job : scope->jobs) job->task.reset();
  }
  require(results == 0, "a result was not destroyed");
  require(others == 0, "something was not destroyed");
}

}  // namespace coroexec::sim
