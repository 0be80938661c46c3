// Testing your own code in virtual time: hours of timeouts and retries take none, and always go the
// same way. With a test framework each block below is a test case.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using boost::asio::awaitable;

// The code under test: calls `attempt` until it succeeds, each time for at most 10 s, with a pause that
// doubles from 1 s on; gives up after an hour. It knows nothing of virtual time.
static awaitable<std::string> with_retries(std::function<awaitable<std::string>()> attempt) {
  const auto give_up = coroexec::now() + 1h;
  for (auto pause = 1s; coroexec::now() < give_up; pause *= 2) {
    const auto body = [&](coroexec::CoroutineExecutor& executor) -> awaitable<std::string> {
      auto task = co_await executor.submit(attempt);
      co_return co_await std::move(task).get();
    };
    auto scope = coroexec::with_executor({.timeout = 10s}, body);
    auto answer = co_await coroexec::as_outcome(std::move(scope));
    if (answer) co_return *answer;
    co_await coroexec::sleep_for(pause);
  }
  throw std::runtime_error("gave up");
}

static void check(bool condition, const char* what) {
  std::cout << (condition ? "ok: " : "FAILED: ") << what << '\n';
  if (!condition) std::exit(1);
}

int main() {
  // [virtual]
  auto fails_twice = []() -> awaitable<void> {
    int calls = 0;
    auto attempt = [&]() -> awaitable<std::string> {
      if (++calls == 1) throw std::runtime_error("refused");
      if (calls == 2) co_await coroexec::sleep_for(1min);   // is cut off after 10 s
      co_return "hello";
    };
    const auto begin = coroexec::now();
    check(co_await with_retries(attempt) == "hello", "it answers in the end");
    check(coroexec::now() - begin == 1s + 10s + 2s, "after 13 seconds, to the nanosecond");
  };
  coroexec::run_in_virtual_time(fails_twice);
  // [virtual]

  // Which of two things comes first is no question of luck.
  const auto never_answers = []() -> awaitable<void> {
    auto attempt = []() -> awaitable<std::string> {
      co_await coroexec::sleep_for(24h);
      co_return "too late";
    };
    const auto begin = coroexec::now();
    const auto answer = co_await coroexec::as_outcome(with_retries(attempt));
    check(answer.has_error(), "it gives up");
    check(coroexec::now() - begin >= 1h, "after an hour");
  };
  coroexec::run_in_virtual_time(never_answers);

  // A test that can never end fails at once, and tells why.
  try {
    const auto deadlock = []() -> awaitable<void> {
      auto& context = coroexec::SchedulingContext::current();
      coroexec::Task<> second;
      const auto waits = [&]() -> awaitable<void> { co_await second.wait(); };
      const auto first = context.create_task({.name = "first"}, waits);
      const auto waits_too = [&]() -> awaitable<void> { co_await first.wait(); };
      second = context.create_task({.name = "second"}, waits_too);
      co_await first.wait();
    };
    coroexec::run_in_virtual_time(deadlock);
  } catch (const std::exception& e) {
    std::cout << e.what() << '\n';
  }
}
