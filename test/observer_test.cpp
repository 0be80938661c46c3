// What an observer is told of jobs, and what JobTimes makes of it.
#include "coroexec/observer.hpp"

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/gather.hpp"
#include "coroexec/job_times.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using std::chrono::seconds;

// Writes down what it is told.
class Notes final : public Observer {
 public:
  struct Note {
    std::string step, name, scope, file;
    TaskView view;
  };
  std::vector<Note> all() const {
    std::lock_guard lock(mutex_);
    return notes_;
  }
  std::vector<Note> of(TaskRole role) const {
    auto notes = all();
    std::erase_if(notes, [&](auto& note) { return note.view.role != role; });
    return notes;
  }

  void job_queued(const TaskView& job) noexcept override { add("queued", job); }
  void job_started(const TaskView& job) noexcept override { add("started", job); }
  void job_ended(const TaskView& job) noexcept override { add("ended", job); }

 private:
  void add(const char* step, const TaskView& job) {
    std::lock_guard lock(mutex_);
    std::string scope(job.scope_kind);
    if (!job.scope_name.empty()) scope += " " + std::string(job.scope_name);
    notes_.push_back({step, std::string(job.name), scope, job.where.file, job});
  }
  mutable std::mutex mutex_;
  std::vector<Note> notes_;
};

CORO_TEST_VIRTUAL(Observer, is_told_of_each_step_with_its_time) {
  const auto notes = std::make_shared<Notes>();
  observe(home, notes);
  CoroutineExecutor executor(home, options({.max_workers = 1, .name = "one"}));
  const auto began = now();
  const auto job = [] { return sleep_for(seconds(3)); };
  executor.submit_nowait({.name = "a"}, job);
  executor.submit_nowait({.name = "b"}, job);
  co_await executor.join();

  const auto all = notes->of(TaskRole::job);
  std::string steps;
  for (auto& note : all) steps += note.name + " " + note.step + ", ";
  EXPECT_EQ(steps, "a queued, b queued, a started, a ended, b started, b ended, ");
  const auto& b = all.back();
  EXPECT_EQ(b.scope, "executor one");
  EXPECT_EQ(b.view.id, 2u);
  EXPECT_EQ(b.view.state, TaskState::succeeded);
  EXPECT_EQ(b.view.queued, began);
  EXPECT_EQ(b.view.waiting(), seconds(3));
  EXPECT_EQ(b.view.running(), seconds(3));
  EXPECT_EQ(b.view.worker, all[3].view.worker);
}

CORO_TEST_EVERYWHERE(Observer, has_heard_of_every_end_when_the_scope_ends) {
  const auto notes = std::make_shared<Notes>();
  observe(home, notes);
  std::map<TaskState, int> expected;
  {
    const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
      const auto good = []() -> awaitable<void> { co_await this_task::yield(); };
      const auto bad = []() -> awaitable<void> {
        co_await this_task::yield();
        throw std::runtime_error("bad");
      };
      const auto endless = []() -> awaitable<void> {
        for (;;) co_await this_task::yield();
      };
      std::vector<Task<>> tasks;
      for (int i = 0; i < 100; ++i) {
        tasks.push_back(executor.submit_nowait(good));
        tasks.push_back(executor.submit_nowait(bad));
        tasks.push_back(executor.submit_nowait(endless));
        tasks.back().cancel();  // most of them in the queue
      }
      for (auto& task : tasks) {
        co_await task.wait();
        ++expected[task.state()];
      }
    };
    co_await with_executor(options({.max_workers = 8, .on_error = ErrorPolicy::suppress}), body);
  }
  std::map<TaskState, int> ended;
  std::map<std::uint64_t, int> queued, started;
  for (auto& note : notes->of(TaskRole::job)) {
    if (note.step == "ended") ++ended[note.view.state];
    if (note.step == "queued") ++queued[note.view.id];
    if (note.step == "started") ++started[note.view.id];
    if (note.step == "ended") {
      EXPECT_EQ(started[note.view.id], note.view.worker == 0 ? 0 : 1);
    }
  }
  EXPECT_EQ(ended, expected);
  EXPECT_EQ(queued.size(), 300u);
  const auto bodies = notes->of(TaskRole::body);
  REQUIRE(!bodies.empty());
  EXPECT_EQ(bodies.back().step, "ended");
  EXPECT_EQ(bodies.back().scope, "executor");
}

CORO_TEST(Observer, is_not_told_of_a_job_that_was_refused) {
  const auto notes = std::make_shared<Notes>();
  observe(home, notes);
  CoroutineExecutor executor(home, options({.max_workers = 1, .backlog = 0}));
  const auto job = []() -> awaitable<void> { co_await this_task::yield(); };
  EXPECT_TRUE(executor.try_submit(job));
  EXPECT_FALSE(executor.try_submit(job));
  co_await executor.shutdown();
  EXPECT_TRUE(is_error(error_from([&] { executor.submit_nowait(job); }), errc::closed));
  EXPECT_EQ(notes->all().size(), 3u);
}

// `where` is the place of the braces; without options nobody knows.
CORO_TEST(Observer, knows_where_a_job_was_handed_in_and_by_whom) {
  const auto notes = std::make_shared<Notes>();
  observe(home, notes);
  std::uint32_t line = 0;
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto inner = []() -> awaitable<void> { co_return; };
    const auto outer = [&]() -> awaitable<void> {
      co_await executor.submit({.name = "inner"}, inner);
    };
    line = __LINE__ + 1;
    co_await executor.submit({.name = "outer"}, outer);
    co_await executor.submit(inner);
  };
  co_await with_executor(options(), body);
  const auto all = notes->of(TaskRole::job);
  const auto find = [&](std::string_view step, std::string_view name) {
    for (auto& note : all)
      if (note.step == step && note.name == name) return note;
    throw Abandoned();
  };
  const auto outer = find("ended", "outer"), inner = find("ended", "inner"),
             plain = find("ended", "");
  EXPECT_TRUE(outer.file.ends_with("observer_test.cpp")) << outer.file;
  EXPECT_EQ(outer.view.where.line, line);
  EXPECT_EQ(plain.file, "");
  EXPECT_EQ(plain.view.where.line, 0u);
  EXPECT_EQ(inner.view.submitter, outer.view.id);
  EXPECT_EQ(inner.view.submitter_scope, outer.view.scope);
  EXPECT_EQ(inner.view.submitter_worker, outer.view.worker);
  const auto bodies = notes->of(TaskRole::body);
  EXPECT_EQ(outer.view.submitter, bodies.front().view.id);
}

CORO_TEST(Observer, is_told_of_one_job_in_so_many) {
  const auto times = std::make_shared<JobTimes>();
  observe(home, times, 4);
  CoroutineExecutor executor(home, options());
  const auto job = []() -> awaitable<void> { co_return; };
  for (int i = 0; i < 100; ++i) executor.submit_nowait(job);
  co_await executor.join();
  EXPECT_EQ(times->ends().succeeded, 25u);
  EXPECT_EQ(executor.stats().succeeded, 100u);
}

// Not always of the first.
CORO_TEST(Observer, is_told_of_one_in_so_many_of_small_scopes_too) {
  const auto times = std::make_shared<JobTimes>();
  observe(home, times, 4);
  const auto job = []() -> awaitable<void> { co_return; };
  const auto body = [job](CoroutineExecutor& executor) -> awaitable<void> {
    for (int i = 0; i < 2; ++i) executor.submit_nowait(job);
    co_return;
  };
  for (int i = 0; i < 200; ++i) co_await with_executor(options(), body);
  EXPECT_GT(times->ends().succeeded, 400 / 4 / 2u);
  EXPECT_LT(times->ends().succeeded, 400 / 4 * 2u);
}

CORO_TEST(Observer, is_told_by_scopes_that_are_made_while_it_is_set) {
  const auto before = std::make_shared<JobTimes>(), after = std::make_shared<JobTimes>();
  const auto job = []() -> awaitable<void> { co_return; };
  CoroutineExecutor a(home, options());
  observe(home, before);
  CoroutineExecutor b(home, options());
  observe(home, observers({after, nullptr, before}));
  CoroutineExecutor c(home, options());
  observe(home, nullptr);
  CoroutineExecutor d(home, options());
  for (auto* executor : {&a, &b, &c, &d}) {
    executor->submit_nowait(job);
    co_await executor->join();
  }
  EXPECT_EQ(before->ends().succeeded, 2u);
  EXPECT_EQ(after->ends().succeeded, 1u);
}

CORO_TEST(Observer, tells_operations_from_jobs) {
  const auto notes = std::make_shared<Notes>();
  const auto times = std::make_shared<JobTimes>();
  observe(home, observers({notes, times}));
  const auto one = []() -> awaitable<int> { co_return 1; };
  co_await gather(one(), one());
  EXPECT_EQ(notes->of(TaskRole::operation).size(), 6u);
  EXPECT_EQ(notes->of(TaskRole::operation).front().scope, "gather");
  EXPECT_EQ(times->ends().succeeded, 0u);
}

TEST(Observer, hears_of_jobs_whose_context_is_destroyed) {
  const auto notes = std::make_shared<Notes>();
  std::optional<AioPool> pool;
  {
    asio::io_context context(1);
    observe(context.get_executor(), notes);
    pool.emplace(context.get_executor(), PoolOptions{.size = 1, .threading = Threading::single});
    const auto job = []() -> awaitable<void> { co_await sleep_for(std::chrono::hours(1)); };
    pool->spawn_n(job);
    pool->spawn_n(job);
    context.poll();
  }
  int cancelled = 0;
  for (auto& note : notes->all())
    cancelled += note.step == "ended" && note.view.state == TaskState::cancelled;
  EXPECT_EQ(cancelled, 2);
}

CORO_TEST_VIRTUAL(JobTimes, are_exact_in_virtual_time) {
  const auto times = std::make_shared<JobTimes>();
  observe(home, times);
  CoroutineExecutor executor(home, options({.max_workers = 1, .on_error = ErrorPolicy::suppress}));
  const auto job = [](int n) { return sleep_for(seconds(n)); };
  for (int n = 1; n <= 3; ++n) executor.submit_nowait(job, n);
  executor.submit_nowait(job, 1).cancel();
  co_await executor.join();
  const auto waiting = times->waiting(), running = times->running();
  EXPECT_EQ(waiting.count(), 3u);
  EXPECT_EQ(waiting.sum(), seconds(0 + 1 + 3));
  EXPECT_EQ(waiting.max(), seconds(3));
  EXPECT_EQ(running.sum(), seconds(1 + 2 + 3));
  EXPECT_EQ(running.max(), seconds(3));
  EXPECT_EQ(times->ends().succeeded, 3u);
  EXPECT_EQ(times->ends().cancelled, 1u);
}

CORO_TEST_VIRTUAL(Stats, tell_the_rate_between_two_moments) {
  CoroutineExecutor executor(home, options({.max_workers = 1}));
  const auto first = executor.stats();
  EXPECT_EQ(first.rate_since(first), 0);
  const auto job = [] { return sleep_for(milliseconds(250)); };
  for (int i = 0; i < 8; ++i) executor.submit_nowait(job);
  co_await executor.join();
  EXPECT_DOUBLE_EQ(executor.stats().rate_since(first), 4);
}

}  // namespace
}  // namespace coroexec::test
