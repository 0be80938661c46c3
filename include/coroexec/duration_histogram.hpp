// Percentiles of any number of durations in constant memory, to within 1 %: a log-linear histogram.
// A small file of ours because no HDR histogram library is in Debian 12 or 13.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coroexec/config.hpp"

namespace coroexec {

// Durations from 0 to 39 hours; what is longer counts as that. 42 KB. Not thread-safe.
class COROEXEC_DECL DurationHistogram {
 public:
  using duration = std::chrono::nanoseconds;  // to which it is exact up to 127

  DurationHistogram() : counts_(buckets) {}

  void record(duration value) noexcept;  // less than 0 counts as 0

  std::uint64_t count() const noexcept { return total_; }  // of all recorded
  duration max() const noexcept { return max_; }           // the longest, exactly
  duration sum() const noexcept { return sum_; }           // of all, exactly
  // The value that `percent` of the recorded ones do not exceed; 0 if there are none.
  duration percentile(double percent) const noexcept;
  // How many of the recorded ones are at most `value`.
  std::uint64_t count_up_to(duration value) const noexcept;

 private:
  // Values below 128 have a bucket each; above, every doubling is divided into 128 buckets.
  static constexpr std::uint64_t linear_bits = 7;
  static constexpr std::uint64_t linear = std::uint64_t{1} << linear_bits;
  static constexpr int doublings = 40;
  static constexpr std::size_t buckets = linear * (doublings + 1);
  static constexpr std::uint64_t largest = (linear << doublings) - 1;

  static std::size_t index_of(duration value) noexcept;
  static duration upper_edge(std::size_t index) noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  duration max_{0};
  duration sum_{0};
};

}  // namespace coroexec
