#include "coroexec/duration_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace coroexec {

std::size_t DurationHistogram::index_of(duration value) noexcept {
  const auto ticks =
      std::min(static_cast<std::uint64_t>(std::max<duration::rep>(value.count(), 0)), std::uint64_t{largest});
  if (ticks < linear) return static_cast<std::size_t>(ticks);
  const auto shift = static_cast<std::uint64_t>(std::bit_width(ticks)) - linear_bits - 1;
  const auto doubling = shift + 1;
  return static_cast<std::size_t>(doubling * linear + (ticks >> shift) - linear);
}

DurationHistogram::duration DurationHistogram::upper_edge(std::size_t index) noexcept {
  if (index < linear) return duration(index);
  const std::uint64_t shift = index / linear - 1;
  const std::uint64_t first = (index % linear + linear) << shift;
  return duration(first + (std::uint64_t{1} << shift) - 1);
}

void DurationHistogram::record(duration value) noexcept {
  ++counts_[index_of(value)];
  ++total_;
  max_ = std::max(max_, value);
  const duration room = duration::max() - sum_;
  sum_ += std::clamp(value, duration(0), room);
}

DurationHistogram::duration DurationHistogram::percentile(double percent) const noexcept {
  const double share = std::clamp(percent, 0.0, 100.0) / 100;
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_))));
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < counts_.size() && total_ != 0; ++index) {
    seen += counts_[index];
    if (seen >= wanted) return std::min(upper_edge(index), max_);
  }
  return max_;
}

// A bucket counts if all of it does.
std::uint64_t DurationHistogram::count_up_to(duration value) const noexcept {
  if (value >= max_) return total_;
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < counts_.size() && upper_edge(index) <= value; ++index)
    seen += counts_[index];
  return seen;
}

}  // namespace coroexec
