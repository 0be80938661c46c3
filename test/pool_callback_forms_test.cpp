// Every kind of callable as a callback, with one, two and three parameters, in every call of a pool.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <ranges>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/itermap.hpp"
#include "coroexec/this_task.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using Result = std::optional<int>;

// A job of 1, 2, 3 or 4; that of 4 fails.
awaitable<int> job(int n) {
  co_await this_task::yield();
  if (n == 4) throw std::runtime_error("four");
  co_return n;
}

// What a callback of so many parameters makes of it: n * 10, or -1; with a context n * 10 + context.
int answer(const Result& result, int context = 0) { return result ? *result * 10 + context : -1; }

awaitable<int> free_1(Result result) { co_return answer(result); }
awaitable<int> free_2(Result result, std::exception_ptr error) {
  EXPECT_EQ(result.has_value(), error == nullptr);
  co_return answer(result);
}
awaitable<int> free_3(Result result, std::exception_ptr error, int context) {
  EXPECT_EQ(result.has_value(), error == nullptr);
  co_return answer(result, context);
}

struct Owner {
  int calls = 0;
  awaitable<int> member_1(Result result) { return ++calls, free_1(result); }
  awaitable<int> member_2(Result result, std::exception_ptr error) {
    return ++calls, free_2(result, error);
  }
  awaitable<int> member_3(Result result, std::exception_ptr error, int context) {
    return ++calls, free_3(result, error, context);
  }
  static awaitable<int> static_1(Result result) { return free_1(result); }
  static awaitable<int> static_2(Result result, std::exception_ptr error) {
    return free_2(result, error);
  }
  static awaitable<int> static_3(Result result, std::exception_ptr error, int context) {
    return free_3(result, error, context);
  }
  awaitable<int> operator()(Result result, std::exception_ptr error, int context) {
    return member_3(result, error, context);
  }
};

// Hands the callback, with the context that follows it if there is one, to every call there is.
template <class... Callback>
awaitable<void> check_all_calls(AioPool& pool, int context, Callback... callback) {
  const std::vector<int> expected = {10 + context, 20 + context, 30 + context, -1};
  const std::vector<int> input = {1, 2, 3, 4};
  const auto one = [] { return job(1); };
  const auto four = [] { return job(4); };

  auto spawned = co_await pool.spawn(one, callback...);
  auto failed = co_await pool.spawn(four, callback...);
  auto spawned_n = pool.spawn_n(one, callback...);
  auto failed_n = pool.spawn_n(four, callback...);
  auto awaited = co_await pool.spawn(job(2), callback...);
  auto named = co_await pool.spawn(TaskOptions{.name = "named"}, one, callback...);
  const int executed = co_await pool.exec(one, callback...);
  const int executed_failed = co_await pool.exec(four, callback...);
  co_await pool.join();
  EXPECT_EQ(spawned.result(), 10 + context);
  EXPECT_EQ(failed.result(), -1);
  EXPECT_EQ(spawned_n.result(), 10 + context);
  EXPECT_EQ(failed_n.result(), -1);
  EXPECT_EQ(awaited.result(), 20 + context);
  EXPECT_EQ(named.result(), 10 + context);
  EXPECT_EQ(named.name(), "named");
  EXPECT_EQ(executed, 10 + context);
  EXPECT_EQ(executed_failed, -1);

  const auto mapped = co_await pool.map(job, input, callback...);
  std::vector<int> values;
  for (auto& result : mapped) values.push_back(result.value());
  EXPECT_EQ(values, expected);

  const auto pairs = co_await pool.map(job, input, callback..., getres::pair);
  values.clear();
  for (auto& [value, error] : pairs) values.push_back(value.value());
  EXPECT_EQ(values, expected);

  const auto tasks = pool.map_n(job, input, callback...);
  co_await pool.join();
  values.clear();
  for (auto& task : tasks) values.push_back(task.result());
  EXPECT_EQ(values, expected);

  const auto sorted_as = [](std::vector<int> results, const std::vector<int>& wanted) {
    return std::ranges::is_permutation(results, wanted);
  };
  values.clear();
  auto results = pool.itermap(job, input, callback...);
  while (auto result = co_await results.next()) values.push_back(result->value());
  EXPECT_TRUE(sorted_as(values, expected));

  values.clear();
  auto batches = pool.itermap_batches(job, input, callback..., IterOptions{});
  while (auto batch = co_await batches.next())
    for (auto& result : *batch) values.push_back(result.value());
  EXPECT_TRUE(sorted_as(values, expected));
}

// Calls of check_all_calls that hand in a callback.
constexpr int calls_in_all = 8 + 4 * 5;

// AP-17
CORO_TEST(PoolCallbackForms, free_functions) {
  AioPool pool(home, 2);
  co_await check_all_calls(pool, 0, free_1);
  co_await check_all_calls(pool, 0, free_2);
  co_await check_all_calls(pool, 7, free_3, 7);
}

// AP-17
CORO_TEST(PoolCallbackForms, member_functions) {
  AioPool pool(home, 2);
  Owner owner;
  co_await check_all_calls(pool, 0, std::bind_front(&Owner::member_1, &owner));
  co_await check_all_calls(pool, 0, std::bind_front(&Owner::member_2, &owner));
  co_await check_all_calls(pool, 7, std::bind_front(&Owner::member_3, &owner), 7);
  EXPECT_EQ(owner.calls, 3 * calls_in_all);
}

// AP-17
CORO_TEST(PoolCallbackForms, static_members) {
  AioPool pool(home, 2);
  co_await check_all_calls(pool, 0, &Owner::static_1);
  co_await check_all_calls(pool, 0, Owner::static_2);
  co_await check_all_calls(pool, 7, &Owner::static_3, 7);
}

// AP-17
CORO_TEST(PoolCallbackForms, lambdas) {
  AioPool pool(home, 2);
  int calls = 0;
  const auto lambda_1 = [&](Result result) -> awaitable<int> {
    ++calls;
    co_await this_task::yield();
    co_return answer(result);
  };
  const auto lambda_2 = [&](Result result, std::exception_ptr error) -> awaitable<int> {
    ++calls;
    EXPECT_EQ(result.has_value(), error == nullptr);
    co_await this_task::yield();
    co_return answer(result);
  };
  const auto lambda_3 = [&](Result result, std::exception_ptr error, int context) -> awaitable<int> {
    ++calls;
    EXPECT_EQ(result.has_value(), error == nullptr);
    co_await this_task::yield();
    co_return answer(result, context);
  };
  co_await check_all_calls(pool, 0, lambda_1);
  co_await check_all_calls(pool, 0, lambda_2);
  co_await check_all_calls(pool, 7, lambda_3, 7);
  EXPECT_EQ(calls, 3 * calls_in_all);
}

// AP-17
CORO_TEST(PoolCallbackForms, function_objects_references_and_std_function) {
  AioPool pool(home, 2);
  Owner owner;
  co_await check_all_calls(pool, 7, Owner(), 7);
  co_await check_all_calls(pool, 7, std::ref(owner), 7);
  EXPECT_EQ(owner.calls, calls_in_all);
  const std::function<awaitable<int>(Result, std::exception_ptr)> erased = free_2;
  co_await check_all_calls(pool, 0, erased);
}

}  // namespace
}  // namespace coroexec::test
