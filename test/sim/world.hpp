// What has happened so far in a run, as its jobs, scopes and readers tell; and the rules it is held to.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coroexec/aio_pool.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/scheduling.hpp"
#include "counted.hpp"
#include "program.hpp"

namespace coroexec::sim {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

// How a job's own code was left.
enum class Left { not_started, inside, returned, failed, aborted, destroyed };

struct ScopeLog;

struct JobLog {
  ScopeLog* scope = nullptr;  // in which it counts
  const Action* action = nullptr;
  int number = 0;             // within the scope
  bool streamed = false;      // its error is its reader's
  bool handed_in = false;
  bool refused = false;
  int accepted = 0;           // the place among those accepted; 0: not told
  std::optional<Task<Counted>> task;
  Left left = Left::not_started;
  int fault = 0;              // with which it failed
  bool cancel_seen = false;
  bool callback_missing = true;
  std::optional<TaskState> final_state;
};

struct ScopeLog {
  int number = 0;
  const Action* action = nullptr;
  CoroutineExecutor* executor = nullptr;  // these two: while there is one
  AioPool* pool = nullptr;
  bool ended = false;
  int bound = 0;       // 0: none
  int active = 0;      // jobs in whose code we are
  int frames = 0;
  int arguments = 0;
  int accepted = 0;
  int last_started = 0;
  bool exact = true;   // every job it accepted is known, and has its handle
  bool left_behind = false;  // a stream of nobody's may still hand in jobs when it ends
  Time begin;
  std::vector<Time> starts;
  std::vector<std::unique_ptr<JobLog>> jobs;
  std::vector<int> faults;  // of failed jobs
  struct First {
    int serial;
    Time time;
  };
  std::vector<First> firsts;   // that may be the scope's error
  bool cancelled = false;      // somebody asked for a cancel of it or in it
  bool error_taken = false;    // by a join
  std::size_t errors_seen = 0;
  Stats last{};

  bool has_face() const { return executor || pool; }
  bool is_pool() const { return action->kind == int(ScopeKind::pool) || action->kind == int(ScopeKind::loose_pool); }
  Stats stats() const { return executor ? executor->stats() : pool->stats(); }
  int policy() const { return is_pool() ? int(ErrorPolicy::suppress) : action->policy; }
  std::string label() const;
};

// A reader of a stream and its jobs.
struct StreamLog {
  ScopeLog* scope = nullptr;   // whose face it uses
  ScopeLog* counts = nullptr;  // in which its jobs count
  const Action* action = nullptr;
  int before = 0;
  int running = 0;
  int pulled = 0, given = 0;
  std::set<int> values;
};

// Rules that a run can be told wrongly, to see that they are looked at.
enum class Lie { none, bound, order, alive };

class World {
 public:
  World(bool keep_log, Lie told) : lie(told), keep_log_(keep_log) {}
  World(const World&) = delete;

  ScopeLog& new_scope(const Action& action);
  JobLog& new_job(ScopeLog& scope, const Action& action);
  int next_serial() { return ++serials_; }

  // Throws. What comes later is not looked at any more.
  [[noreturn]] void violate(const std::string& rule);
  void require(bool holds, const char* rule) {
    if (!holds) violate(rule);
  }
  template <class... Text>
  void note(const Text&... text) {
    if (keep_log_) add_to_log((std::string() + ... + text));
  }

  // Between two entries of the ready queue. `at_rest`: nothing is ready.
  void step(bool at_rest);

  void job_begins(JobLog& job, bool callback);
  void job_ends(JobLog& job) noexcept;
  void job_failed(JobLog& job, int serial);
  void scope_ended(ScopeLog& scope);
  // The error a scope or a join gave to its owner is the one it had to be.
  void check_scope_error(ScopeLog& scope, const std::exception_ptr& error, bool owner_cancelled);
  void check_job(JobLog& job);
  void check_given(StreamLog& stream, int value, bool ordered);
  void check_pace(const StreamLog& stream);
  void check_over();        // nothing is to be going on any more
  void check_nothing_lives();

  // Waits that are under way.
  struct Wait {
    std::optional<Task<Counted>> task;
    ScopeLog* joins = nullptr;
  };
  std::list<Wait> waits;

  const Lie lie;
  std::optional<AnyTask> owner;
  int results = 0, others = 0;  // that live
  int steps = 0;
  std::optional<std::string> violation;
  std::vector<std::string> log;
  const SchedulingContext* context = nullptr;

 private:
  void check_counts(ScopeLog& scope, bool at_rest);
  void check_errors(ScopeLog& scope, bool at_rest);
  void add_to_log(std::string text);
  Time now() const { return context ? context->now() : Time(); }

  const bool keep_log_;
  int serials_ = 0;
  std::vector<std::unique_ptr<ScopeLog>> scopes_;
};

// Its serial number; 0 if it is something else.
int serial_of(const std::exception_ptr& error);
bool is_code(const std::exception_ptr& error, boost::system::error_code code);
inline bool is_aborted(const std::exception_ptr& error) { return is_code(error, asio::error::operation_aborted); }

}  // namespace coroexec::sim
