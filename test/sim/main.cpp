// coroexec_sim: random programs under random schedules, with every rule of the library looked at after
// every step.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>

#include "run_program.hpp"

namespace coroexec::sim {
namespace {

void print(const RunResult& result) {
  for (auto& line : result.log) std::printf("%s\n", line.c_str());
}

int report(std::uint64_t seed, const RunResult& result, Lie lie) {
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), result.violation->c_str());
  std::fflush(stdout);
  const Program shorter = shorten(make_program(seed), lie);
  const RunResult again = run_program(shorter, lie, true);
  std::printf("shortened to %d actions:\n%s", count_actions(shorter.main), to_string(shorter).c_str());
  print(again);
  std::printf("%s\n", again.violation ? again.violation->c_str() : "it does not fail again");
  return 1;
}

int run_one(std::uint64_t seed, Lie lie) {
  const Program program = make_program(seed);
  std::printf("%s", to_string(program).c_str());
  std::fflush(stdout);
  const RunResult result = run_program(program, lie, true);
  print(result);
  if (result.violation) return report(seed, result, lie);
  std::printf("seed %llu: no rule broken in %d steps\n", static_cast<unsigned long long>(seed), result.steps);
  return 0;
}

// `seeds` programs, or as many as fit in the time if there is one.
int run_many(std::uint64_t base, std::uint64_t seeds, std::chrono::seconds time, Lie lie, bool trace) {
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t steps = 0;
  std::printf("base %llu\n", static_cast<unsigned long long>(base));
  std::fflush(stdout);
  std::uint64_t seed = base;
  const auto goes_on = [&] {
    return time.count() ? std::chrono::steady_clock::now() < begin + time : seed < base + seeds;
  };
  for (; goes_on(); ++seed) {
    if (trace) std::fprintf(stderr, "%llu\n", static_cast<unsigned long long>(seed));
    const RunResult result = run_program(make_program(seed), lie);
    if (result.violation) return report(seed, result, lie);
    steps += static_cast<std::uint64_t>(result.steps);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  seeds = seed - base;
  std::printf("no rule broken: base %llu, %llu seeds, %llu steps, %.1f s, %.0f seeds/s\n",
              static_cast<unsigned long long>(base), static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(steps), taken.count(), static_cast<double>(seeds) / taken.count());
  return 0;
}

int main_of(int argc, char** argv) {
  CLI::App app("Runs random programs of coroexec under random schedules and checks its rules", "coroexec_sim");
  std::uint64_t seeds = 1000, base = 1;
  std::optional<std::uint64_t> seed;
  Lie lie = Lie::none;
  std::chrono::seconds time{};
  bool trace = false;
  const std::map<std::string, Lie> lies{{"none", Lie::none}, {"bound", Lie::bound}, {"order", Lie::order}, {"alive", Lie::alive}};
  app.add_option("--seeds", seeds, "How many programs to run")->capture_default_str();
  app.add_option("--base", base, "The seed of the first")->capture_default_str();
  app.add_option("--for", time, "Run as many as fit in so many seconds instead");
  app.add_option("--seed", seed, "Run this one alone, and print it and what it does");
  app.add_option("--lie", lie, "Check a wrong rule, to see that it is found: bound, order or alive")
      ->transform(CLI::CheckedTransformer(lies));
  app.add_flag("--trace", trace, "Print each seed to standard error before it runs, to find one that crashes");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  return seed ? run_one(*seed, lie) : run_many(base, seeds, time, lie, trace);
}

}  // namespace
}  // namespace coroexec::sim

int main(int argc, char** argv) { return coroexec::sim::main_of(argc, argv); }
