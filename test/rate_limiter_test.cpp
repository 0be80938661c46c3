// So many starts per second, by plain calls: the limiter is told the time.
#include "coroexec/detail/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <vector>

namespace coroexec::detail {
namespace {

using namespace std::chrono_literals;
using Time = RateLimiter::Time;

constexpr Time noon{1000h};

// Starts as many as are allowed now.
int start_all(RateLimiter& limiter, Time now) {
  int count = 0;
  for (; limiter.may_start(now) && count < 1'000'000; ++count) limiter.started(now);
  return count;
}

TEST(RateLimiter, rate_zero_is_no_limit) {
  RateLimiter limiter(0, 1);
  EXPECT_FALSE(limiter.limited());
  EXPECT_TRUE(RateLimiter(5, 1).limited());
}

// CE-29
TEST(RateLimiter, without_a_burst_starts_one_per_interval) {
  RateLimiter limiter(100, 1);
  EXPECT_EQ(start_all(limiter, noon), 1);
  EXPECT_EQ(limiter.next_start(noon), noon + 10ms);
  EXPECT_FALSE(limiter.may_start(noon + 10ms - 1ns));
  EXPECT_EQ(start_all(limiter, noon + 10ms), 1);
}

// CE-29
TEST(RateLimiter, the_bucket_is_full_at_first) {
  RateLimiter limiter(100, 5);
  EXPECT_EQ(start_all(limiter, noon), 5);
  EXPECT_EQ(limiter.next_start(noon), noon + 10ms);
}

TEST(RateLimiter, a_pause_saves_up_no_more_than_the_burst) {
  RateLimiter limiter(100, 5);
  start_all(limiter, noon);
  EXPECT_EQ(start_all(limiter, noon + 30ms), 3);
  EXPECT_EQ(start_all(limiter, noon + 1h), 5);
}

TEST(RateLimiter, a_late_start_is_not_made_up_for) {
  RateLimiter limiter(100, 1);
  limiter.started(noon);
  limiter.started(noon + 18ms);  // 8 ms late
  EXPECT_EQ(limiter.next_start(noon + 18ms), noon + 28ms);
}

TEST(RateLimiter, what_may_start_now_is_not_postponed) {
  RateLimiter limiter(100, 1);
  EXPECT_EQ(limiter.next_start(noon), noon);
  limiter.started(noon);
  EXPECT_EQ(limiter.next_start(noon + 1h), noon + 1h);
}

TEST(RateLimiter, extreme_rates_neither_overflow_nor_stand_still) {
  RateLimiter slow(1e-30, 1'000'000'000);
  slow.started(noon);
  slow.started(noon);
  EXPECT_TRUE(slow.limited());
  EXPECT_GE(slow.next_start(noon), noon);

  RateLimiter slowest(1e-30, 1);
  slowest.started(noon);
  EXPECT_GT(slowest.next_start(noon), noon + 24h * 365);

  RateLimiter fast(1e30, 1);
  fast.started(noon);
  EXPECT_TRUE(fast.limited());
  EXPECT_LE(fast.next_start(noon), noon + 1ns);
}

// CE-29: with requests at random times, no window of any length holds more than burst + rate * t
// starts, and a bucket of tokens, counted by hand, agrees on each answer.
TEST(RateLimiter, no_window_holds_more_than_burst_and_rate_allow) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto interval = std::chrono::nanoseconds(1 + random() % 1'000'000);
    const double rate = 1e9 / static_cast<double>(interval.count());
    const std::size_t burst = 1 + random() % 8;
    RateLimiter limiter(rate, burst);
    std::vector<Time> starts;
    Time now = noon;
    double tokens = static_cast<double>(burst);
    for (int step = 0; step < 400; ++step) {
      const auto pause = interval * static_cast<std::int64_t>(random() % 300) / 100;
      now += pause;
      tokens = std::min(static_cast<double>(burst),
                        tokens + rate * std::chrono::duration<double>(pause).count());
      // The clock has ticks: within a hundredth of a token both answers are right.
      if (limiter.may_start(now)) {
        ASSERT_GT(tokens, 0.99);
      } else {
        ASSERT_LT(tokens, 1.01);
        if (random() % 2) continue;
        const Time next = limiter.next_start(now);
        ASSERT_GT(next, now);
        tokens += rate * std::chrono::duration<double>(next - now).count();
        now = next;
        ASSERT_TRUE(limiter.may_start(now));
      }
      limiter.started(now);
      tokens -= 1;
      starts.push_back(now);
    }
    for (std::size_t from = 0; from < starts.size(); ++from)
      for (std::size_t to = from; to < starts.size(); ++to) {
        const double seconds = std::chrono::duration<double>(starts[to] - starts[from]).count();
        const double allowed = static_cast<double>(burst) + rate * seconds * (1 + 1e-3) + 0.01;
        ASSERT_LE(static_cast<double>(to - from + 1), allowed) << from << " to " << to;
      }
  }
}

}  // namespace
}  // namespace coroexec::detail
