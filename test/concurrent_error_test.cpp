// concurrent: errors of jobs, of elements and of the source, and readers that leave early.

#include "coroexec/concurrent.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/itermap.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

using Job = awaitable<int>;

ConcurrentOptions at_most(std::ptrdiff_t limit, bool one_thread) {
  return {.limit = limit, .threading = one_thread ? Threading::single : Threading::multi};
}

Job number(int n) {
  co_await this_task::yield();
  co_return n;
}

Job broken() {
  co_await this_task::yield();
  throw std::out_of_range("nothing there");
}

// Never ends, cleans up for a while when cancelled, and counts itself.
struct Endless {
  Event never;
  Activity activity;
  std::atomic<int> cleaned_up = 0;
  explicit Endless(const asio::any_io_executor& executor) : never(executor) {}
  Job operator()() {
    const auto stay = activity.enter();
    const auto error = co_await error_of(never.wait());
    co_await this_task::uncancel();
    co_await sleep_for(2ms);
    ++cleaned_up;
    std::rethrow_exception(error);
  }
};

// The error as this class of it exactly, or null.
template <class Error>
std::optional<Error> as(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const Error& e) {
    if (typeid(e) == typeid(Error)) return e;
  } catch (...) {
  }
  return std::nullopt;
}

// CC-5, CC-6
CORO_TEST_EVERYWHERE(ConcurrentError, of_a_job_is_raised_wrapped_once_all_that_runs_is_joined) {
  Endless endless(home);
  std::atomic<int> live = 0;
  std::atomic<bool> started_late = false;
  auto late = [&started_late, tracked = Tracked(live)]() -> Job {
    started_late = true;
    co_return tracked.value();
  };
  Event let_fail(home);
  std::vector<std::function<Job()>> jobs;
  jobs.push_back(std::ref(endless));
  jobs.push_back(std::ref(endless));
  jobs.push_back([&]() -> Job {
    co_await until([&] { return endless.activity.now() == 2; });
    co_return co_await broken();
  });
  for (int i = 0; i < 4; ++i) jobs.push_back(late);  // pending: there are three slots
  {
    auto pending = std::move(late);  // the jobs have their own copies
  }
  auto results = concurrent(std::move(jobs), at_most(3, one_thread()));
  const auto error = co_await error_of(results.next());

  const auto wrapped = as<ConcurrentExecutionError>(error);
  REQUIRE(wrapped);
  EXPECT_STREQ(wrapped->what(), "concurrent: a job failed: nothing there");
  EXPECT_THROW(std::rethrow_exception(wrapped->cause()), std::out_of_range);
  EXPECT_TRUE(says(wrapped->cause(), "nothing there"));
  EXPECT_EQ(endless.activity.now(), 0);
  EXPECT_EQ(endless.cleaned_up, 2);
  EXPECT_FALSE(started_late);
  EXPECT_EQ(live, 1) << "the pending callables have not been destroyed";  // the moved-from one
  const auto end = co_await results.next();
  EXPECT_EQ(end, std::nullopt);
}

// CC-6: a range's pending awaitables are destroyed.
CORO_TEST(ConcurrentError, destroys_the_awaitables_that_were_pending) {
  std::atomic<int> live = 0;
  const auto keeps = [](Tracked tracked) -> Job { co_return tracked.value(); };
  std::vector<Job> jobs;
  jobs.push_back(broken());
  for (int i = 0; i < 5; ++i) jobs.push_back(keeps(Tracked(live)));
  EXPECT_EQ(live, 5);
  auto results = concurrent(std::move(jobs), {.limit = 1});
  const auto error = co_await error_of(results.next());
  EXPECT_TRUE(as<ConcurrentExecutionError>(error));
  EXPECT_EQ(live, 0);
}

// CC-6: results that came before the error are delivered before it.
CORO_TEST(ConcurrentError, comes_in_its_turn) {
  std::vector<Job> jobs;
  jobs.push_back(number(1));
  jobs.push_back(broken());
  jobs.push_back(number(3));
  auto results = concurrent(std::move(jobs), {.limit = 1});
  const auto first = co_await results.next();
  EXPECT_EQ(first, 1);
  const auto error = co_await error_of(results.next());
  EXPECT_TRUE(as<ConcurrentExecutionError>(error));
  const auto end = co_await results.next();
  EXPECT_EQ(end, std::nullopt);
}

// CC-7
CORO_TEST_EVERYWHERE(ConcurrentError, comes_as_an_element_with_yield_exceptions) {
  auto jobs = std::views::iota(0, 6) | std::views::transform([](int n) {
                return n == 2 ? broken() : n == 4 ? Job() : number(n);
              });
  auto results = concurrent(jobs, yield_exceptions, at_most(2, one_thread()));
  static_assert(std::is_same_v<decltype(results), AsyncGenerator<Outcome<int>>>);
  std::vector<int> values;
  int failed = 0, not_runnable = 0;
  while (auto result = co_await results.next()) {
    if (result->has_value()) {
      values.push_back(**result);
    } else if (const auto wrapped = as<ConcurrentExecutionError>(result->error())) {
      ++failed;
      EXPECT_TRUE(says(wrapped->cause(), "nothing there"));
    } else if (as<ConcurrentError>(result->error())) {
      ++not_runnable;
    }
  }
  std::ranges::sort(values);
  EXPECT_EQ(values, (std::vector{0, 1, 3, 5}));
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(not_runnable, 1);
}

// CC-5
CORO_TEST(ConcurrentError, of_an_element_that_cannot_be_run) {
  std::vector<Job> used;
  used.push_back(number(1));
  const int one = co_await std::move(used[0]);
  EXPECT_EQ(one, 1);
  auto of_used = concurrent(std::move(used));
  const auto first = co_await error_of(of_used.next());
  const auto used_error = as<ConcurrentError>(first);
  REQUIRE(used_error);
  EXPECT_STREQ(used_error->what(),
               "concurrent: an element cannot be run: the awaitable is empty or was already used");
  EXPECT_TRUE(is_error(used_error->cause(), errc::invalid_argument));

  std::vector<std::function<Job()>> empty(1);
  auto of_empty = concurrent(std::move(empty));
  const auto second = co_await error_of(of_empty.next());
  const auto empty_error = as<ConcurrentError>(second);
  REQUIRE(empty_error);
  EXPECT_STREQ(empty_error->what(), "concurrent: an element cannot be run: the callable is empty");
  EXPECT_TRUE(is_error(empty_error->cause(), errc::invalid_argument));
}

// CC-5: a callable that throws before it gives an awaitable has failed, too.
CORO_TEST(ConcurrentError, of_a_callable_that_throws) {
  std::vector<std::function<Job()>> jobs;
  jobs.push_back([]() -> Job { throw std::logic_error("no coroutine"); });
  auto results = concurrent(jobs);
  const auto error = co_await error_of(results.next());
  const auto wrapped = as<ConcurrentExecutionError>(error);
  REQUIRE(wrapped);
  EXPECT_TRUE(says(wrapped->cause(), "no coroutine"));
}

// CC-4
CORO_TEST_EVERYWHERE(ConcurrentError, of_the_source_is_raised_at_once_in_both_forms) {
  Endless endless(home);
  auto jobs = std::views::iota(0, 9) | std::views::transform([&](int n) -> std::function<Job()> {
                if (n == 2) throw std::runtime_error("the source is broken");
                return std::ref(endless);
              });
  auto first = concurrent(jobs, at_most(5, one_thread()));
  const auto raised = co_await error_of(first.next());
  EXPECT_EQ(endless.activity.now(), 0);
  auto second = concurrent(jobs, yield_exceptions, at_most(5, one_thread()));
  const auto also_raised = co_await error_of(second.next());
  EXPECT_EQ(endless.activity.now(), 0);
  for (auto& error : {raised, also_raised}) {
    const auto wrapped = as<ConcurrentIteratorError>(error);
    REQUIRE(wrapped);
    EXPECT_STREQ(wrapped->what(), "concurrent: the source failed: the source is broken");
    EXPECT_TRUE(says(wrapped->cause(), "the source is broken"));
  }
  const auto end = co_await second.next();
  EXPECT_FALSE(end.has_value());
}

// CC-4: and for an asynchronous source.
CORO_TEST_EVERYWHERE(ConcurrentError, of_an_asynchronous_source_is_raised_at_once) {
  Endless endless(home);
  const auto body = [&](Yield<std::function<Job()>> yield) -> awaitable<void> {
    co_await yield(std::ref(endless));
    co_await yield(std::ref(endless));
    co_await until([&] { return endless.activity.now() == 2; });
    throw std::runtime_error("the source is broken");
  };
  auto results = concurrent(generate<std::function<Job()>>(body), yield_exceptions,
                            at_most(5, one_thread()));
  const auto error = co_await error_of(results.next());
  const auto wrapped = as<ConcurrentIteratorError>(error);
  REQUIRE(wrapped);
  EXPECT_TRUE(says(wrapped->cause(), "the source is broken"));
  EXPECT_EQ(endless.activity.now(), 0);
  EXPECT_EQ(endless.cleaned_up, 2);
}

struct BadlyClosed {
  awaitable<std::optional<std::function<Job()>>> next() {
    if (given) co_return std::nullopt;
    given = true;
    co_return [] { return number(1); };
  }
  awaitable<void> aclose() {
    co_await this_task::yield();
    throw std::runtime_error("the source does not close");
  }
  bool given = false;
};

// CC-4: and when it is closed.
CORO_TEST_EVERYWHERE(ConcurrentError, of_closing_the_source_is_one_of_the_source) {
  auto results = concurrent(BadlyClosed(), at_most(5, one_thread()));
  const auto error = co_await error_of(std::move(results).collect());
  const auto wrapped = as<ConcurrentIteratorError>(error);
  REQUIRE(wrapped);
  EXPECT_TRUE(says(wrapped->cause(), "the source does not close"));
}

// CC-8
CORO_TEST_EVERYWHERE(ConcurrentReader, that_leaves_early_cancels_joins_and_closes_the_source) {
  Endless endless(home);
  std::atomic<int> live = 0;
  std::atomic<int> read = 0;
  auto source = [&, tracked = Tracked(live)](Yield<std::function<Job()>> yield) -> awaitable<void> {
    const auto quick = [] { return number(1); };
    co_await yield(quick);
    for (;;) {
      read += 1 + 0 * tracked.value();
      co_await yield(std::ref(endless));
    }
  };
  const auto leave = [](int) -> awaitable<void> {
    throw std::runtime_error("enough");
    co_return;
  };
  auto stream = generate<std::function<Job()>>(std::move(source));
  const auto error = co_await error_of(
      for_each(concurrent(std::move(stream), at_most(3, one_thread())), leave));
  EXPECT_TRUE(says(error, "enough"));
  EXPECT_EQ(endless.activity.now(), 0);
  EXPECT_EQ(endless.cleaned_up, endless.activity.entered());
  EXPECT_LE(read, 4);
  EXPECT_EQ(live, 1) << "the source is still open";  // the moved-from one
}

// CC-8
CORO_TEST_EVERYWHERE(ConcurrentReader, that_closes_the_stream_has_everything_joined) {
  Endless endless(home);
  std::vector<std::function<Job()>> jobs(4, std::ref(endless));
  jobs.insert(jobs.begin(), [] { return number(1); });
  auto results = concurrent(jobs, at_most(3, one_thread()));
  const auto first = co_await results.next();
  EXPECT_EQ(first, 1);
  co_await until([&] { return endless.activity.now() == 3; });
  co_await results.aclose();
  EXPECT_EQ(endless.activity.now(), 0);
  EXPECT_EQ(endless.cleaned_up, 3);
  EXPECT_EQ(endless.activity.entered(), 3);
  co_await results.aclose();  // further calls do nothing
  const auto end = co_await results.next();
  EXPECT_EQ(end, std::nullopt);
}

// CC-8: a dropped stream's jobs end by themselves.
CORO_TEST_EVERYWHERE(ConcurrentReader, that_drops_the_stream_cancels_the_jobs) {
  Endless endless(home);
  {
    const std::vector<std::function<Job()>> jobs(4, std::ref(endless));
    auto results = concurrent(jobs, at_most(3, one_thread()));
    AioPool readers(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
    const auto read = [&]() -> awaitable<void> { co_await results.next(); };
    auto reader = readers.spawn_n(read);
    co_await until([&] { return endless.activity.now() == 3; });
    co_await readers.cancel(reader);
    EXPECT_TRUE(reader.cancelled());
    EXPECT_EQ(endless.cleaned_up, 0);  // a cancelled next() leaves the stream as it is
  }
  co_await until([&] { return endless.activity.now() == 0; });
  EXPECT_EQ(endless.cleaned_up, 3);
  EXPECT_EQ(endless.activity.entered(), 3);
}

}  // namespace
}  // namespace coroexec::test
