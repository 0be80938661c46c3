// What the results add up to, told at the end.
#pragma once

#include <array>
#include <chrono>
#include <coroexec/duration_histogram.hpp>
#include <cstdint>
#include <string>

#include "result.hpp"

namespace fetch {

class Summary {
 public:
  void add(const Result& result);

  std::uint64_t total() const { return ok_ + failed(); }
  std::uint64_t ok() const { return ok_; }
  std::uint64_t failed() const;

  // Known to others, filled in before text().
  std::uint64_t retries = 0;
  std::uint64_t connections = 0;
  std::uint64_t connections_reused = 0;

  // Some lines for people.
  std::string text(std::chrono::nanoseconds elapsed) const;

 private:
  std::uint64_t ok_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t redirected_ = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(ErrorKind::cancelled) + 1> failures_{};
  coroexec::DurationHistogram latency_;  // of those that are ok
};

// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number);

}  // namespace fetch
