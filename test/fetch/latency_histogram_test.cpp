// Percentiles of the histogram against exact ones.
#include "latency_histogram.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace fetch {
namespace {

using std::chrono::microseconds;

TEST(LatencyHistogram, IsEmptyAtFirst) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.percentile(50), microseconds(0));
  EXPECT_EQ(histogram.max(), microseconds(0));
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 100; ++i)
    histogram.record(microseconds(i));
  EXPECT_EQ(histogram.percentile(50), microseconds(50));
  EXPECT_EQ(histogram.percentile(99), microseconds(99));
  EXPECT_EQ(histogram.percentile(100), microseconds(100));
  EXPECT_EQ(histogram.percentile(0), microseconds(1));
}

TEST(LatencyHistogram, EveryPercentileIsWithinOnePercent) {
  std::mt19937_64 random(4711);
  std::lognormal_distribution<double> distribution(9, 3);
  LatencyHistogram histogram;
  std::vector<microseconds> values;
  for (int i = 0; i < 100'000; ++i) {
    values.emplace_back(static_cast<std::int64_t>(distribution(random)));
    histogram.record(values.back());
  }
  std::ranges::sort(values);
  for (const double percent : {1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 100'000)) - 1;
    const auto exact = static_cast<double>(values[rank].count());
    const auto found = static_cast<double>(histogram.percentile(percent).count());
    EXPECT_GE(found, exact) << percent;
    EXPECT_LE(found, exact * 1.01 + 1) << percent;
  }
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(histogram.percentile(100), values.back());
}

TEST(LatencyHistogram, ExtremesAreKept) {
  LatencyHistogram histogram;
  histogram.record(microseconds(-5));
  histogram.record(microseconds::max());
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.percentile(50), microseconds(0));
  EXPECT_EQ(histogram.max(), microseconds::max());
  EXPECT_GT(histogram.percentile(100), std::chrono::hours(24));
}

}  // namespace
}  // namespace fetch
