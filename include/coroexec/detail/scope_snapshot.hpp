// One moment of a scope and its jobs, as dump() prints it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "coroexec/detail/task_base.hpp"
#include "coroexec/options.hpp"

namespace coroexec::detail {

struct ScopeSnapshot {
  struct Job {
    const TaskBase* job;   // to be compared only, as the workers
    const Worker* worker;  // null: queued
    std::string label;
    bool cancelled;                // a cancel has been asked for
    bool suspended;                // it is certain that no thread executes it
    bool observed;                 // what follows is known
    std::chrono::nanoseconds age;  // since it was queued, or started
    std::uint64_t submitter, submitter_scope;
    SourceLocation where;
  };
  std::uint64_t number = 0;
  std::string label;
  const char* phase = "";            // empty while it is open
  const TaskBase* parent = nullptr;  // the job in which it was made
  Stats stats;
  std::vector<Job> jobs;
  std::size_t left_out = 0;  // queued jobs that are not among them
  std::vector<std::pair<const Worker*, std::string>>
      waits;  // whose job waits for what of this scope
};

}  // namespace coroexec::detail
