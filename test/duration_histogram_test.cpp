// Percentiles of the histogram against exact ones.
#include "coroexec/duration_histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace coroexec::test {
namespace {

using std::chrono::nanoseconds;

TEST(DurationHistogram, IsEmptyAtFirst) {
  const DurationHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.percentile(50), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds(0));
}

TEST(DurationHistogram, SmallValuesAreExact) {
  DurationHistogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.record(nanoseconds(i));
  EXPECT_EQ(histogram.percentile(50), nanoseconds(50));
  EXPECT_EQ(histogram.percentile(99), nanoseconds(99));
  EXPECT_EQ(histogram.percentile(100), nanoseconds(100));
  EXPECT_EQ(histogram.percentile(0), nanoseconds(1));
}

TEST(DurationHistogram, EveryPercentileIsWithinOnePercent) {
  std::mt19937_64 random(4711);
  std::lognormal_distribution<double> distribution(16, 3);
  DurationHistogram histogram;
  std::vector<nanoseconds> values;
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

TEST(DurationHistogram, ExtremesAreKept) {
  DurationHistogram histogram;
  histogram.record(nanoseconds(-5));
  histogram.record(nanoseconds::max());
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.percentile(50), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds::max());
  EXPECT_GT(histogram.percentile(100), std::chrono::hours(24));
}

TEST(DurationHistogram, CountsWhatIsNotLonger) {
  DurationHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.record(std::chrono::milliseconds(i));
  EXPECT_EQ(histogram.count_up_to(nanoseconds(0)), 0u);
  EXPECT_NEAR(static_cast<double>(histogram.count_up_to(std::chrono::milliseconds(250))), 250, 3);
  EXPECT_EQ(histogram.count_up_to(std::chrono::seconds(1)), 1000u);
  EXPECT_EQ(histogram.sum(), std::chrono::milliseconds(500'500));
}

}  // namespace
}  // namespace coroexec::test
