// Runs a program under its schedule and tells which rule it broke.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "program.hpp"
#include "world.hpp"

namespace coroexec::sim {

struct RunResult {
  std::optional<std::string> violation;
  std::vector<std::string> log;
  int steps = 0;
};

RunResult run_program(const Program& program, Lie lie = Lie::none, bool keep_log = false);

// A program that breaks a rule, without what it can do without while still breaking one.
Program shorten(Program program, Lie lie);

}  // namespace coroexec::sim
