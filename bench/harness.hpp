// A benchmark program's main: Google Benchmark measures the scenarios, then the rows are printed beside
// the contract's figures, and the figures that are not times. Options are Google Benchmark's, those of
// run_one(), and for compare.py `--rows` and `--figures`, which print JSON.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "scenario.hpp"

namespace bench {

// Shows what the console reporter shows and keeps the best time a job of each scenario, in ns: what
// disturbs a run only ever makes it slower.
class Reporter : public benchmark::ConsoleReporter {
 public:
  explicit Reporter(std::map<std::string, double> known) : ns_(std::move(known)) {}
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (auto& run : runs) {
      const auto cost = run.counters.find("per_job");
      if (run.run_type != Run::RT_Iteration || cost == run.counters.end()) continue;
      const double ns = cost->second.value * 1e9;
      auto [known, added] = ns_.try_emplace(run.run_name.function_name, ns);
      known->second = std::min(known->second, ns);
    }
  }
  double ns(const std::string& scenario) const {
    const auto known = ns_.find(scenario);
    return known == ns_.end() ? 0 : known->second;
  }

 private:
  std::map<std::string, double> ns_;
};

inline const char* name_of(Compare compare) {
  switch (compare) {
    case Compare::ratio: return "ratio";
    case Compare::difference: return "difference";
    case Compare::speedup: return "speedup";
  }
  return "";
}

inline void print_rows_as_json(const Programme& programme) {
  std::printf("{\"rows\": [\n");
  for (const char* comma = ""; auto& row : programme.rows) {
    std::printf(R"(%s  {"work": "%s", "ours": "%s", "other": "%s", "limit": %g, "compare": "%s"})",
                comma, row.work.c_str(), row.ours.c_str(), row.other.c_str(), row.limit,
                name_of(row.compare));
    comma = ",\n";
  }
  std::printf("\n],\n\"constants\": {");
  for (const char* comma = ""; auto& [name, ns] : programme.constants) {
    std::printf("%s\"%s\": %g", comma, name.c_str(), ns);
    comma = ", ";
  }
  std::printf("},\n\"scenarios\": {");
  for (const char* comma = ""; auto& scenario : programme.scenarios) {
    std::printf("%s\"%s\": %s", comma, scenario.name.c_str(),
                scenario.by_wall_clock ? "\"time\"" : "\"processor\"");
    comma = ", ";
  }
  std::printf("}}\n");
}

// `--figure=N` measures one figure and prints it, for people or as JSON. A program asks itself for each:
// what an earlier one has left in caches and free lists is not there in a process of its own.
inline void print_figure(const Figure& figure, bool as_json) {
  const double value = figure.measure();
  if (as_json) {
    std::printf(R"(  {"what": "%s", "unit": "%s", "value": %.6g, "limit": %g})",
                figure.what.c_str(), figure.unit.c_str(), value, figure.limit);
    return;
  }
  std::printf("%-62s %12.6g  ", (figure.what + ", " + figure.unit).c_str(), value);
  if (figure.limit < 0) std::puts("-");
  else std::printf("<= %g%s\n", figure.limit, value <= figure.limit ? "" : "   NOT REACHED");
}

inline void print_figures(const Programme& programme, const std::string& program, bool as_json) {
  std::puts(as_json ? "[" : "\nfigure, value, must be");
  for (std::size_t i = 0; i < programme.figures.size(); ++i) {
    if (as_json && i > 0) std::puts(",");
    std::fflush(stdout);
    const std::string command =
        '"' + program + "\" --figure=" + std::to_string(i) + (as_json ? " --json" : "");
    if (std::system(command.c_str()) != 0) std::exit(1);
  }
  if (as_json) std::puts("\n]");
}

inline void print_ratios(const Programme& programme, const Reporter& measured) {
  std::printf("\n%-62s %9s %9s %9s  %s\n", "work", "ours ns", "other ns", "compared", "must be");
  for (auto& row : programme.rows) {
    const double ours = measured.ns(row.ours), other = measured.ns(row.other);
    if (ours <= 0 || other <= 0) continue;  // filtered out
    const double value = row.compare == Compare::ratio        ? ours / other
                         : row.compare == Compare::difference ? ours - other
                                                              : other / ours;
    const bool at_least = row.compare == Compare::speedup;
    std::printf("%-62s %9.1f %9.1f %9.3f  ", row.work.c_str(), ours, other, value);
    if (row.limit == 0) std::puts("-");
    else
      std::printf("%s %g%s\n", at_least ? ">=" : "<=", row.limit,
                  (at_least ? value >= row.limit : value <= row.limit) ? "" : "   NOT REACHED");
  }
}

inline int run_main(const Programme& programme, int argc, char** argv) {
  if (run_one(programme, argc, argv)) return 0;
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--rows") {
    print_rows_as_json(programme);
    return 0;
  }
  if (first == "--figures") {
    print_figures(programme, argv[0], true);
    return 0;
  }
  if (first.starts_with("--figure=")) {
    print_figure(programme.figures.at(std::strtoull(argv[1] + 9, nullptr, 10)), argc > 2);
    return 0;
  }
  const double least_time = 0.1;  // seconds; a scenario that takes longer is run once
  for (auto& scenario : programme.scenarios) {
    const auto run = [&scenario](benchmark::State& state) {
      for (auto _ : state) run_checked(scenario, scenario.jobs);
      using benchmark::Counter;
      state.counters["per_job"] = Counter(static_cast<double>(scenario.jobs),
                                          Counter::kIsIterationInvariantRate | Counter::kInvert);
    };
    auto* registered = benchmark::RegisterBenchmark(scenario.name.c_str(), run);
    registered->Unit(benchmark::kMillisecond)->MinTime(least_time);
    if (scenario.by_wall_clock) registered->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  Reporter reporter(programme.constants);
  if (!programme.scenarios.empty()) benchmark::RunSpecifiedBenchmarks(&reporter);
  if (!programme.rows.empty()) print_ratios(programme, reporter);
  if (!programme.figures.empty()) print_figures(programme, argv[0], false);
  return 0;
}

}  // namespace bench
