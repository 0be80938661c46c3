// What the actions of a program do.
#pragma once

#include "world.hpp"

namespace coroexec::sim {

using asio::awaitable;

// On whose behalf an action is done.
struct Who {
  World* world = nullptr;
  ScopeLog* scope = nullptr;       // whose face it uses
  JobLog* job = nullptr;           // null: the body of the scope
  const Action* action = nullptr;  // of the job or the scope: how it takes errors and cancels
  int before = 0;                  // it may wait for jobs of lower numbers; so nobody waits in a circle
};

// An argument that throws at the move that counts `left` down to zero.
class Fragile {
 public:
  Fragile(World& world, JobLog& job, int left) : world_(&world), job_(&job), left_(left) {}
  Fragile(Fragile&& other);
  Fragile& operator=(Fragile&&) = delete;

 private:
  World* world_;
  JobLog* job_;
  int left_;
};

awaitable<void> run_script(Who who, const std::vector<Action>& actions);
awaitable<void> run_scope(Who who, const Action& action);
awaitable<void> run_stream(Who who, const Action& action);
awaitable<void> submit(Who who, const Action& action);

// A job's own code: its script, then its result, `value`.
awaitable<Counted> run_job(Who who, int value, Counted argument, Fragile fragile);

[[noreturn]] void throw_fault(World& world, const char* text);
TaskOptions task_options(const Action& action);

}  // namespace coroexec::sim
