// What a job costs that only waits.
#include <gtest/gtest.h>

#include <coroexec/coroexec.hpp>
#include <optional>

#include "coro_test.hpp"

using namespace coroexec;
using namespace coroexec::test;

namespace {

awaitable<int> number() { co_return 1; }

}  // namespace

// AP-20: the state of a queued job is one block, at most 160 bytes over callable and arguments.
TEST(PoolMemory, a_queued_job_is_one_small_block) {
  using Call = awaitable<int> (*)();
  using Job = detail::CallJob<int, asio::any_io_executor, Call>;
  EXPECT_LE(sizeof(Job), 160 + sizeof(Call) + sizeof(std::optional<int>));
}

// AP-20
CORO_TEST(PoolMemory, takes_a_crowd_at_once_and_runs_all_of_it) {
  AioPool pool(home, 10);
  for (int i = 0; i < 100'000; ++i) pool.spawn_n(number);
  EXPECT_EQ(pool.waiting(), 100'000u);
  co_await pool.join();
  EXPECT_EQ(pool.executed(), 100'000u);
}
