#include "run_program.hpp"

#include "actions.hpp"
#include "schedule.hpp"

namespace coroexec::sim {
namespace {

// Whatever the program has left behind has ended by itself after a while.
awaitable<void> run_main(World& world, const Action& action) {
  const Who nobody{.world = &world, .action = &action};
  const auto program = [nobody, &action] { return run_scope(nobody, action); };
  {
    const auto owner = SchedulingContext::current().create_task(program);
    world.owner = owner;
    co_await owner.wait();
    world.note("the program has ended");
  }
  co_await sleep_for(std::chrono::hours(1));
  world.owner.reset();
  world.check_over();
}

}  // namespace

RunResult run_program(const Program& program, Lie lie, bool keep_log) {
  World world(keep_log, lie);
  try {
    SchedulingContext context({.virtual_time = true});
    world.context = &context;
    const auto step = [&](bool at_rest) {
      world.step(at_rest);
      if (world.steps == program.cancel_at && world.owner) {
        world.note("the program is cancelled");
        world.owner->cancel();
      }
    };
    const Schedule schedule(context, program, step);
    const auto main = [&] { return run_main(world, program.main); };
    try {
      context.run(main);
    } catch (const boost::system::system_error& error) {
      if (!world.violation) world.violation = std::string("hang: ") + error.what();
    } catch (const Violation& rule) {
      if (!world.violation) world.violation = rule.what();
    }
    world.context = nullptr;
  } catch (const std::exception& error) {
    if (!world.violation) world.violation = error.what();
  }
  world.context = nullptr;
  try {
    world.check_nothing_lives();
  } catch (const Violation&) {
  }
  return {world.violation, std::move(world.log), world.steps};
}

}  // namespace coroexec::sim
