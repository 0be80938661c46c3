// Percentiles of any number of durations in constant memory, to within 1 %: a log-linear histogram.
// A small file of ours because no HDR histogram library is in Debian 12 or 13.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace fetch {

class LatencyHistogram {
 public:
  using duration = std::chrono::microseconds;

  void record(duration value) {
    const auto ticks = static_cast<std::uint64_t>(std::max<duration::rep>(value.count(), 0));
    ++counts_[index_of(std::min(ticks, largest))];
    ++total_;
    max_ = std::max(max_, value);
  }

  std::uint64_t count() const { return total_; }
  duration max() const { return max_; }

  // The value that `percent` of the recorded ones do not exceed; 0 if there are none.
  duration percentile(double percent) const {
    const double share = std::clamp(percent, 0.0, 100.0) / 100;
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_))));
    std::uint64_t seen = 0;
    for (std::size_t index = 0; index < counts_.size() && total_ != 0; ++index) {
      seen += counts_[index];
      if (seen >= wanted) return std::min(duration(upper_edge(index)), max_);
    }
    return max_;
  }

 private:
  // Values below 128 have a bucket each; above, every doubling is divided into 128 buckets.
  static constexpr std::uint64_t linear_bits = 7;
  static constexpr std::uint64_t linear = std::uint64_t{1} << linear_bits;
  static constexpr int doublings = 30;
  static constexpr std::uint64_t largest = (linear << doublings) - 1;  // 38 hours

  static std::size_t index_of(std::uint64_t ticks) {
    if (ticks < linear) return static_cast<std::size_t>(ticks);
    const auto shift = static_cast<std::uint64_t>(std::bit_width(ticks)) - linear_bits - 1;
    const auto doubling = shift + 1;
    return static_cast<std::size_t>(doubling * linear + (ticks >> shift) - linear);
  }

  static duration::rep upper_edge(std::size_t index) {
    if (index < linear) return static_cast<duration::rep>(index);
    const std::uint64_t shift = index / linear - 1;
    const std::uint64_t first = (index % linear + linear) << shift;
    return static_cast<duration::rep>(first + (std::uint64_t{1} << shift) - 1);
  }

  std::array<std::uint64_t, linear*(doublings + 1)> counts_{};
  std::uint64_t total_ = 0;
  duration max_{0};
};

}  // namespace fetch
