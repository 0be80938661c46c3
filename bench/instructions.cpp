// Each way through the library for a moment: tools/check-instructions.py counts the instructions under
// callgrind. No clock and no Google Benchmark is needed.
#include <cstdio>

#include "every_way.hpp"

int main(int argc, char** argv) {
  // Few workers, so that a short run has a steady state.
  bench::Programme programme;
  programme.scenarios = bench::ours::every_way(100, 4000);
  const auto spawn_n = [](std::size_t jobs) {
    bench::ours::spawn_n<bench::Any>(jobs, 100, bench::yielding_job<bench::Any>);
  };
  programme.scenarios.push_back({"spawn_n", 4000, spawn_n});
  if (bench::run_one(programme, argc, argv)) return 0;
  std::fputs("usage: instructions --list | --toolchain | --only=NAME [--jobs=N]\n", stderr);
  return 2;
}
