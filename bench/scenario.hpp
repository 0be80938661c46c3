// What a benchmark program consists of: scenarios, each of which does a given number of jobs, the rows
// of the contract that compare them, and figures that are not times.
#pragma once

#include <boost/version.hpp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// What the figures of a build depend on, as far as the program knows.
inline std::string toolchain() {
#if defined(__clang__)
  std::string name =
      "clang " + std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__);
#elif defined(__GNUC__)
  std::string name = "g++ " + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__);
#else
  std::string name = "another compiler";
#endif
  return name + ", Boost " + std::to_string(BOOST_VERSION / 100000) + "." +
         std::to_string(BOOST_VERSION / 100 % 1000);
}

struct Scenario {
  std::string name;
  std::size_t jobs;  // in one run, as measured
  std::function<void(std::size_t jobs)> run;
  // Processor time is measured, for other processes disturb it least; where a scenario waits, or has
  // several threads, it is the time that passes.
  bool by_wall_clock = false;
};

// How two scenarios are compared, and what the contract asks for.
enum class Compare {
  ratio,       // cost a job of `ours` / cost of `other`, at most `limit`
  difference,  // cost a job of `ours` - cost of `other` in ns, at most `limit`
  speedup,     // throughput of `ours` / throughput of `other`, at least `limit`
};

struct Row {
  std::string work;
  std::string ours;
  std::string other;  // a scenario or a constant
  double limit;       // 0: no figure in the contract, shown for comparison
  Compare compare = Compare::ratio;
};

// Something counted once: bytes, allocations, fairness.
struct Figure {
  std::string what;
  std::string unit;
  std::function<double()> measure;
  double limit = -1;  // at most; negative: no figure in the contract
};

struct Programme {
  std::vector<Scenario> scenarios;
  std::map<std::string, double>
      constants;  // ns a job, for rows that compare with a calculated time
  std::vector<Row> rows;
  std::vector<Figure> figures;

  const Scenario* find(std::string_view name) const {
    for (auto& scenario : scenarios)
      if (scenario.name == name) return &scenario;
    return nullptr;
  }
};

// Every job counts itself here, so that no scenario is fast because it lost some. Of this thread; what
// other threads counted is added when they end.
inline thread_local std::size_t jobs_done = 0;

inline void run_checked(const Scenario& scenario, std::size_t jobs) {
  jobs_done = 0;
  scenario.run(jobs);
  if (jobs_done == jobs) return;
  std::fprintf(stderr, "%s: %zu jobs of %zu were done\n", scenario.name.c_str(), jobs_done, jobs);
  std::exit(3);
}

// `--only=NAME [--jobs=N]` runs this scenario once and nothing else: for callgrind and perf. `--list`
// names them all, `--toolchain` what the program was built with. False if none of these is asked for.
inline bool run_one(const Programme& programme, int argc, char** argv) {
  std::string only;
  std::size_t jobs = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--only=")) only = argument.substr(7);
    if (argument.starts_with("--jobs=")) jobs = std::strtoull(argv[i] + 7, nullptr, 10);
    if (argument == "--toolchain") {
      std::puts(toolchain().c_str());
      return true;
    }
    if (argument == "--list") {
      for (auto& scenario : programme.scenarios) std::puts(scenario.name.c_str());
      return true;
    }
  }
  if (only.empty()) return false;
  const Scenario* scenario = programme.find(only);
  if (!scenario) {
    std::fprintf(stderr, "no scenario '%s': see --list\n", only.c_str());
    std::exit(2);
  }
  run_checked(*scenario, jobs ? jobs : scenario->jobs);
  return true;
}

}  // namespace bench
