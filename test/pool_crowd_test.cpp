// A million jobs that wait: what each of them costs in memory, measured.

#include <gtest/gtest.h>

#include <cstddef>
#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/this_task.hpp"
#include "instrumented.hpp"

namespace coroexec::test {
namespace {

#if defined(COROEXEC_TEST_INSTRUMENTED)
constexpr std::size_t crowd = 50'000;
#else
constexpr std::size_t crowd = 1'000'000;
#endif

// Bytes in use as malloc counts them; 0 where it cannot be asked.
std::size_t bytes_in_use() {
#if defined(__GLIBC__) && !defined(COROEXEC_TEST_INSTRUMENTED)
#if __GLIBC_PREREQ(2, 33)
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
#endif
  return 0;
}

// AP-20+: at most 160 bytes a queued job over its own callable, here a pointer.
CORO_TEST(PoolCrowd, of_a_million_queued_jobs_costs_little_memory_each) {
  AioPool pool(home, 1000);
  std::size_t ran = 0;
  const auto job = [&ran]() -> awaitable<void> {
    ++ran;
    co_await this_task::yield();
  };
  const auto before = bytes_in_use();
  for (std::size_t i = 0; i < crowd; ++i) pool.spawn_n(job);
  const auto after = bytes_in_use();
  EXPECT_EQ(pool.waiting(), crowd);
  if (after > 0) {
    EXPECT_LE(static_cast<double>(after - before) / crowd, 160.0 + sizeof(job));
  }
  co_await pool.join();
  EXPECT_EQ(ran, crowd);
  EXPECT_EQ(pool.executed(), crowd);
}

}  // namespace
}  // namespace coroexec::test
