// One scenario for each way through the library that has to stay cheap: what the counted figures,
// instructions and allocator calls, are kept of.
#pragma once

#include <vector>

#include "our_streams.hpp"

namespace bench::ours {

inline std::vector<Scenario> every_way(std::size_t bound, std::size_t jobs) {
  std::vector<Scenario> all;
  const auto add = [&](const char* name, auto run) { all.push_back({name, jobs, run}); };
  const JobFunction<Any> yielding = yielding_job<Any>, plain = plain_job<Any>;
  add("submit", [=](std::size_t n) { submit<Any>(n, bound, yielding); });
  add("submit, no yield", [=](std::size_t n) { submit<Any>(n, bound, plain); });
  add("submit, concrete executor",
      [=](std::size_t n) { submit<Concrete>(n, bound, yielding_job<Concrete>); });
  add("submit, each result read", [=](std::size_t n) { submit_and_read<Any>(n, bound, yielding); });
  add("submit, a deadline each",
      [=](std::size_t n) { submit_with_deadline<Any>(n, bound, yielding); });
  add("submit, threads allowed", [=](std::size_t n) { submit<Any>(n, bound, yielding, 1, true); });
  add("spawn", [=](std::size_t n) { spawn<Any>(n, bound, yielding); });
  add("map", [=](std::size_t n) { map<Any>(n, bound, yielding); });
  add("map_unordered", [=](std::size_t n) { map_unordered<Any>(n, bound, yielding); });
  add("itermap", [=](std::size_t n) { itermap<Any>(n, bound, yielding); });
  add("concurrent", [=](std::size_t n) { concurrent<Any>(n, bound, yielding); });
  return all;
}

}  // namespace bench::ours
