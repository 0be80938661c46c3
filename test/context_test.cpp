// Context variables: what a task inherits and keeps; coro_await.
#include "coroexec/context.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "coroexec/aio_pool.hpp"
#include "coroexec/coro_start.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/run.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "job_test.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

ContextVar<std::string> var("var", "default");

awaitable<void> sets_foo(bool block) {
  var.set("foo");
  if (block) co_await this_task::yield();
  EXPECT_EQ(var.get(), "foo");  // CTX-3
}

// CTX-1, CTX-3
CORO_TEST_AS_JOB(TestContext, test_no_context) {
  for (const bool block : {true, false}) {
    var.set("bar");
    co_await coro_await(sets_foo(block));
    EXPECT_EQ(var.get(), "foo");
  }
}

// CTX-2, CTX-3
CORO_TEST_AS_JOB(TestContext, test_private_context) {
  for (const bool block : {true, false}) {
    var.set("bar");
    const auto context = copy_context();
    co_await coro_await(sets_foo(block), context);
    EXPECT_EQ(var.get(), "bar");
    EXPECT_EQ(context.get(var), "foo");
  }
}

// CTX-8, CTX-9, TRAP-5: the context is copied while it is empty
CORO_TEST_AS_JOB(TestContext, an_empty_context_is_one_as_any_other) {
  const auto context = copy_context();
  EXPECT_EQ(context.size(), 0u);
  var.set("bar");
  EXPECT_EQ(context.get(var), std::nullopt) << "a snapshot";
  const auto coroutine = []() -> awaitable<void> {
    EXPECT_EQ(var.get(), "default");
    var.set("foo");
    co_await this_task::yield();
    EXPECT_EQ(var.get(), "foo");
  };
  co_await coro_await(coroutine(), context);
  EXPECT_EQ(var.get(), "bar");
  EXPECT_EQ(context.get(var), "foo");
  EXPECT_EQ(context.size(), 1u);
}

// CTX-4
CORO_TEST_AS_JOB(TestCoroAwait, test_return_nb) {
  const auto object = std::make_shared<int>(1);
  const auto gives = [&]() -> awaitable<std::shared_ptr<int>> { co_return object; };
  EXPECT_EQ(co_await coro_await(gives()), object);
  EXPECT_EQ(co_await coro_await(gives(), copy_context()), object);
}

// CTX-5
CORO_TEST_AS_JOB(TestCoroAwait, test_exception_nb) {
  const auto throws = []() -> awaitable<void> { throw std::out_of_range("through"); co_return; };
  EXPECT_TRUE(says(co_await error_of(coro_await(throws())), "through"));
  EXPECT_TRUE(says(co_await error_of(coro_await(throws(), copy_context())), "through"));
}

// CTX-6
CORO_TEST_AS_JOB(TestCoroAwait, test_coro_cancel) {
  Event never(home);
  const auto task = create_task(coro_await(never.wait(), copy_context()));
  co_await this_task::yield();
  task.cancel();
  EXPECT_TRUE(is_cancelled(co_await error_of(task.get())));
  EXPECT_TRUE(task.cancelled());
}

// CTX-7
CORO_TEST_AS_JOB(TestCoroAwait, test_coro_handle_cancel) {
  Event never(home);
  const auto handles = [&]() -> awaitable<bool> {
    co_return static_cast<bool>(is_cancelled(co_await error_of(never.wait())));
  };
  const auto task = create_task(coro_await(handles(), copy_context()));
  co_await this_task::yield();
  task.cancel();
  EXPECT_TRUE(co_await task.get());
  EXPECT_FALSE(task.cancelled());
}

CORO_TEST_AS_JOB(TestCoroAwait, is_part_of_the_same_job) {
  const auto tells = []() -> awaitable<std::uint64_t> {
    co_await this_task::yield();
    co_return this_task::id();
  };
  EXPECT_EQ(co_await coro_await(tells(), copy_context()), this_task::id());
}

CORO_TEST_AS_JOB(TestContext, run_calls_in_it_and_only_once_at_a_time) {
  Context context;
  EXPECT_EQ(context.run([](const std::string& value) {
    var.set(value);
    return var.get().size();
  }, "1234"), 4u);
  EXPECT_EQ(var.get(), "default");
  EXPECT_EQ(context.get(var), "1234");
  EXPECT_TRUE(is_error(error_from([&] { context.run([&] { context.run([] {}); }); }), errc::invalid_state,
                       "this context has been entered already"));
  context.run([&] {
    copy_context().run([] { var.set("another"); });
    EXPECT_EQ(var.get(), "1234");
  });
  co_return;
}

CORO_TEST_AS_JOB(TestContext, a_variable_may_have_no_value) {
  ContextVar<int> number("number");
  EXPECT_TRUE(is_error(error_from([&] { number.get(); }), errc::invalid_state,
                       "context variable 'number' has no value"));
  EXPECT_EQ(number.get(5), 5);
  number.set(6);
  EXPECT_EQ(number.get(5), 6);
  EXPECT_EQ(number.name(), "number");
  co_return;
}

CORO_TEST_AS_JOB(TestContext, reset_brings_back_what_was_before) {
  ContextVar<int> number("number"), other("other");
  auto first = number.set(1);
  auto second = number.set(2);
  number.reset(second);
  EXPECT_EQ(number.get(), 1);
  EXPECT_TRUE(is_error(error_from([&] { number.reset(second); }), errc::invalid_argument, "used already"));
  EXPECT_TRUE(is_error(error_from([&] { other.reset(first); }), errc::invalid_argument, "another variable"));
  EXPECT_TRUE(is_error(error_from([&] { Context().run([&] { number.reset(first); }); }), errc::invalid_argument,
                       "context variable 'number': this token was made in another context"));
  number.reset(first);
  EXPECT_EQ(number.get(0), 0);
  EXPECT_EQ(copy_context().size(), 0u);
  co_return;
}

TEST(TestContext, outside_of_any_job_there_is_none_to_set_in) {
  EXPECT_EQ(var.get(), "default");
  EXPECT_TRUE(is_error(error_from([] { var.set("x"); }), errc::invalid_state,
                       "context variable 'var' was set outside of any job"));
  Context context;
  context.run([] { var.set("main's"); });
  const auto main = []() -> awaitable<std::string> { co_return var.get(); };
  EXPECT_EQ(context.run([&] { return run(main); }), "main's");
}

awaitable<std::string> reads(std::string own) {
  const auto before = var.get();
  var.set(own);
  for (int i = 0; i < 3; ++i) {
    co_await this_task::yield();
    co_await asio::post(asio::use_awaitable);
    co_await sleep_for(std::chrono::microseconds(50));
    EXPECT_EQ(var.get(), own);
  }
  co_return before;
}

// Through every way a job can be started, on one thread and on several.
CORO_TEST_EVERYWHERE(TestContext, is_inherited_by_every_job) {
  const auto opts = options();
  const auto job = [&]() -> awaitable<void> {
    var.set("parent");
    const auto body = [&](CoroutineExecutor& scope) -> awaitable<void> {
      EXPECT_EQ(var.get(), "parent");
      std::vector<Task<std::string>> tasks;
      for (int i = 0; i < 50; ++i) {
        const auto own = std::to_string(i);
        tasks.push_back(co_await scope.submit(reads, own));
        tasks.push_back(scope.submit_nowait(reads, own));
        tasks.push_back(eager(reads(own)));
        tasks.push_back(create_task(reads(own)));
        CoroStart start(reads(own), copy_context());
        tasks.push_back(eager(start.as_coroutine()));
      }
      auto mapped = scope.map(reads, std::vector<std::string>{"x", "y", "z"});
      while (auto before = co_await mapped.next()) EXPECT_EQ(*before, "parent");
      for (auto& task : tasks) EXPECT_EQ(co_await task.get(), "parent");
      EXPECT_EQ(var.get(), "parent");
    };
    co_await with_executor(opts, body);
    const auto pool_body = [&](AioPool& pool) -> awaitable<void> {
      EXPECT_EQ(co_await pool.exec(reads("p")), "parent");
    };
    co_await with_pool({.size = 3, .threading = opts.threading}, pool_body);
    const auto yields = [](Yield<std::string> yield) -> awaitable<void> { co_await yield(var.get()); };
    auto stream = generate<std::string>(yields);
    EXPECT_EQ(co_await stream.next(), "parent");
    co_await stream.aclose();
    EXPECT_EQ(var.get(), "parent");
  };
  co_await create_task(home, job()).get();
}

// For coroutines that are no jobs.
CORO_TEST_EVERYWHERE(TestContext, with_context_gives_any_executor_one) {
  Context context;
  context.run([] { var.set("given"); });
  const auto plain = [&]() -> awaitable<std::string> {
    const auto before = var.get();
    var.set("changed");
    for (int i = 0; i < 20; ++i) {
      co_await asio::post(asio::use_awaitable);
      EXPECT_EQ(var.get(), "changed");
      co_await sleep_for(std::chrono::microseconds(20));
      EXPECT_EQ(var.get(), "changed");
    }
    const auto child = co_await with_executor(options(), [](CoroutineExecutor& scope) -> awaitable<std::string> {
      const auto task = co_await scope.submit(reads, "child");
      co_return co_await task.get();
    });
    EXPECT_EQ(child, "changed") << "jobs take it on";
    EXPECT_EQ(var.get(), "changed");
    co_return before;
  };
  std::vector<std::shared_ptr<asio::experimental::concurrent_channel<void(std::exception_ptr, std::string)>>> ends;
  for (int i = 0; i < 20; ++i) {
    const auto executor = context.run([&] { return with_context(home); });
    auto& end = ends.emplace_back(std::make_shared<asio::experimental::concurrent_channel<void(std::exception_ptr, std::string)>>(home, 1));
    asio::co_spawn(executor, plain(), [end](std::exception_ptr error, std::string before) {
      EXPECT_EQ(error, nullptr);
      end->try_send(error, before);
    });
  }
  for (auto& end : ends) EXPECT_EQ(co_await end->async_receive(asio::use_awaitable), "given");
  EXPECT_EQ(context.get(var), "given") << "each had a copy";

  asio::any_io_executor shared = with_context(home, context);
  EXPECT_EQ(co_await asio::co_spawn(shared, reads("in it"), asio::use_awaitable), "given");
  EXPECT_EQ(context.get(var), "in it");
}

// A job that dispatches into another context is back in its own afterwards.
CORO_TEST_AS_JOB(TestContext, a_handler_in_another_context_leaves_the_jobs_own_alone) {
  Context other;
  other.run([] { var.set("other"); });
  var.set("own");
  const auto executor = with_context(co_await asio::this_coro::executor, other);
  std::string seen;
  asio::dispatch(executor, [&] { seen = var.get(); });
  EXPECT_EQ(seen, "other") << "at once";
  EXPECT_EQ(var.get(), "own");
  asio::post(executor, [&] { seen = "later " + var.get(); });
  co_await until([&] { return seen == "later other"; });
  EXPECT_EQ(var.get(), "own");
  const auto task = eager(executor, reads("eager"));
  EXPECT_EQ(co_await task.get(), "own");
}

// The value that is replaced may itself look at the context when it goes.
CORO_TEST_AS_JOB(TestContext, values_go_with_the_last_context_that_has_them) {
  ContextVar<std::shared_ptr<int>> object("object");
  const auto value = std::make_shared<int>(1);
  {
    Context context;
    context.run([&] { object.set(value); });
    const auto copy = context.run([] { return copy_context(); });
    EXPECT_EQ(value.use_count(), 2) << "shared by both";
    context.run([&] { object.set(nullptr); });
    EXPECT_EQ(value.use_count(), 2) << "the copy's";
    EXPECT_EQ(copy.get(object), value);
  }
  EXPECT_EQ(value.use_count(), 1);
  const auto job = [&]() -> awaitable<void> {
    object.set(value);
    co_return;
  };
  { const auto task = eager(job()); }
  EXPECT_EQ(value.use_count(), 1);
  co_return;
}

}  // namespace
}  // namespace coroexec::test
