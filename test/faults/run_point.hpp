// One run of a scenario in which one thing goes wrong.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "scenario.hpp"

namespace coroexec::faults {

// What goes wrong at the n-th allocation or step.
enum class Kind {
  memory,   // that allocation fails
  cancel,   // the scenario is cancelled
  pause,    // the context stops, and runs on afterwards
  stop,     // the context stops, the scenario is cancelled, the context destroyed
  destroy,  // the context stops and is destroyed
};
inline constexpr Kind all_kinds[] = {Kind::memory, Kind::cancel, Kind::pause, Kind::stop, Kind::destroy};

// On what a scenario runs.
enum class Host {
  scheduling,  // as a task of a SchedulingContext, in virtual time; a step is an entry of its queue
  plain,       // spawned by co_spawn on an io_context that may have several threads; a step is a handler
};

std::string to_string(Kind kind);
std::string to_string(Host host);

struct Point {
  const Scenario* scenario;
  Host host;
  Kind kind;
  std::size_t n;  // from 1; 0: nothing goes wrong
  std::string name() const { return std::string(scenario->name) + ':' + to_string(host) + ':' + to_string(kind) + ':' + std::to_string(n); }
};

struct PointResult {
  std::optional<std::string> violation;
  std::string_view end;   // how the scenario ended
  std::size_t points = 0; // how many there were: allocations or steps
};

// In a thread of its own, so that nothing is left of the run before.
PointResult run_point(const Point& point);

}  // namespace coroexec::faults
