// Tests of code that waits: in virtual time, in an order that is decided by the test.
#include <boost/asio/post.hpp>
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using coroexec::SchedulingContext;

static void check(bool condition, const char* what) {
  std::cout << (condition ? "ok: " : "FAILED: ") << what << '\n';
  if (!condition) std::exit(1);
}

static awaitable<void> step(std::string& trace, char name) {
  trace += name;
  co_await coroexec::this_task::yield();
  trace += name;
}

static void order_example() {
  // [order]
  SchedulingContext context({.virtual_time = true});
  std::string trace;
  auto test = [&]() -> awaitable<void> {
    auto a = context.create_task(step, std::ref(trace), 'a');
    auto b = context.create_task(step, std::ref(trace), 'b');
    coroexec::task_reinsert(b, 0);                           // b is to run before a
    co_await a.wait();
    co_await b.wait();
  };
  context.run(test);
  check(trace == "baba", "b ran first");
  // [order]
}

static void blocked_example() {
  // [blocked]
  SchedulingContext context({.virtual_time = true});
  auto test = [&]() -> awaitable<void> {
    auto sleeper = context.create_task({.name = "sleeper"}, [] { return coroexec::sleep_for(1h); });
    check(coroexec::task_is_runnable(sleeper), "it has not begun");
    co_await coroexec::this_task::yield();
    check(coroexec::task_is_blocked(sleeper), "it waits");
    context.advance(2h);                                     // its hour is over
    co_await sleeper.wait();
  };
  context.run(test);
  // [blocked]
}

static void stuck_example() {
  // [stuck]
  auto test = []() -> awaitable<void> {
    coroexec::Task<> second;
    auto& context = SchedulingContext::current();
    auto waits = [&]() -> awaitable<void> { co_await second.wait(); };
    auto first = context.create_task({.name = "first"}, waits);
    auto waits_too = [&]() -> awaitable<void> { co_await first.wait(); };
    second = context.create_task({.name = "second"}, waits_too);
    co_await first.wait();
  };
  try {
    coroexec::run_in_virtual_time(test);
  } catch (const std::exception& error) {
    std::cout << error.what() << '\n';                       // says who waits for whom
  }
  // [stuck]
}

static void outside_example() {
  // [outside]
  SchedulingContext context({.virtual_time = true});
  bool called = false;
  auto test = [&]() -> awaitable<void> {
    auto outside = context.outside_work();                   // virtual time waits for the thread
    std::thread thread([&] { boost::asio::post(context.get_executor(), [&] { called = true; }); });
    thread.join();
    while (!called) co_await coroexec::this_task::yield();
  };
  context.run(test);
  check(called, "a thread has called");
  // [outside]
}

int main() {
  order_example();
  blocked_example();
  stuck_example();
  outside_example();
  // [policy]
  coroexec::ContextPolicy virtual_time(coroexec::scheduling_contexts({.virtual_time = true}));
  coroexec::run(coroexec::sleep_for(24h));                   // any run() on this thread, until the policy goes
  // [policy]
  std::cout << "a day has passed\n";
}
