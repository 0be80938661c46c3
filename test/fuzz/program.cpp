// Programs of the explorer (test/sim): the bytes are the choices that its seed makes, those of the
// program from the front and those of the schedule from the back.
#include "../sim/program.hpp"

#include "../sim/run_program.hpp"
#include "fuzz.hpp"

namespace coroexec::fuzz {
namespace {

void run(Bytes bytes) {
  const sim::Program program = sim::make_program(bytes);
  const sim::RunResult result = sim::run_program(program);
  if (result.violation)
    throw std::logic_error(*result.violation + "\n" +
                           to_string(sim::shorten(program, sim::Lie::none)));
}

const Target target("program", run);

}  // namespace
}  // namespace coroexec::fuzz
