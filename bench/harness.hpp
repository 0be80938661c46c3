// A benchmark program's main: Google Benchmark measures the scenarios, then the rows are printed beside
// the contract's figures. Options are Google Benchmark's, and those of run_one(); `--rows` prints the
// rows as JSON, for compare.py.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <limits>
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
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (auto& run : runs) {
      const auto cost = run.counters.find("per_job");
      if (run.run_type != Run::RT_Iteration || cost == run.counters.end()) continue;
      auto [known, added] =
          ns_.try_emplace(run.run_name.function_name, std::numeric_limits<double>::max());
      known->second = std::min(known->second, cost->second.value * 1e9);
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
  std::puts("[");
  for (auto& row : programme.rows)
    std::printf(R"(  {"work": "%s", "ours": "%s", "other": "%s", "limit": %g, "compare": "%s"}%s)"
                "\n",
                row.work.c_str(), row.ours.c_str(), row.other.c_str(), row.limit,
                name_of(row.compare), &row == &programme.rows.back() ? "" : ",");
  std::puts("]");
}

inline void print_ratios(const Programme& programme, const Reporter& measured) {
  std::printf("\n%-52s %9s %9s %9s  %s\n", "work", "ours ns", "other ns", "compared", "must be");
  for (auto& row : programme.rows) {
    const double ours = measured.ns(row.ours), other = measured.ns(row.other);
    if (ours <= 0 || other <= 0) continue;  // filtered out
    const double value = row.compare == Compare::ratio        ? ours / other
                         : row.compare == Compare::difference ? ours - other
                                                              : other / ours;
    const bool at_least = row.compare == Compare::speedup;
    std::printf("%-52s %9.1f %9.1f %9.3f  ", row.work.c_str(), ours, other, value);
    if (row.limit == 0) std::puts("-");
    else
      std::printf("%s %g%s\n", at_least ? ">=" : "<=", row.limit,
                  (at_least ? value >= row.limit : value <= row.limit) ? "" : "   NOT REACHED");
  }
}

inline int run_main(const Programme& programme, int argc, char** argv) {
  if (run_one(programme, argc, argv)) return 0;
  if (argc == 2 && std::string_view(argv[1]) == "--rows") {
    print_rows_as_json(programme);
    return 0;
  }
  for (auto& scenario : programme.scenarios)
    benchmark::RegisterBenchmark(
        scenario.name.c_str(),
        [&scenario](benchmark::State& state) {
          for (auto _ : state) run_checked(scenario, scenario.jobs);
          state.counters["per_job"] = benchmark::Counter(
              static_cast<double>(scenario.jobs),
              benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
        })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond)
        ->MinTime(0.1);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  print_ratios(programme, reporter);
  return 0;
}

}  // namespace bench
