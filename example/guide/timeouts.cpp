// Limits of time: of a scope, of a job, of one operation, of a wait.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::system::system_error;
using coroexec::CoroutineExecutor;
using coroexec::Timeout;

static awaitable<std::string> ask(std::string server, std::chrono::milliseconds takes) {
  co_await coroexec::sleep_for(takes);
  co_return server;
}

static awaitable<void> scope_example() {
  // [scope]
  auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(ask, "near", 10ms);              // ends in time
    co_await executor.submit(ask, "far", 1h);                 // is cancelled
  };
  try {
    co_await coroexec::with_executor({.timeout = 5s, .name = "report"}, body);
  } catch (const system_error& error) {
    if (error.code() == coroexec::errc::timed_out) std::cout << error.what() << '\n';
  }
  // [scope]
}

static awaitable<void> job_example() {
  // [job]
  auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    auto near = co_await executor.submit({.name = "near", .timeout = 2s}, ask, "near", 10ms);
    auto far = co_await executor.submit({.name = "far", .timeout = 2s}, ask, "far", 1h);
    std::cout << co_await near.get() << '\n';
    co_await far.wait();                                      // never throws the job's error
    std::cout << (far.cancelled() ? "far was too slow\n" : "far came\n");
  };
  co_await coroexec::with_executor(body);                     // no error: it is that job's alone
  // [job]
}

static awaitable<void> operation_example() {
  // [operation]
  Timeout connecting(2s, "connect"), whole(10s, "request");
  auto request = [&]() -> awaitable<std::string> {
    co_await coroexec::with_timeout(connecting, ask("connection", 1s));
    co_return co_await ask("reply", 1h);
  };
  try {
    std::cout << co_await coroexec::with_timeout(whole, request()) << '\n';
  } catch (const system_error& error) {
    if (connecting.expired()) std::cout << "cannot be reached\n";
    if (whole.expired()) std::cout << "connected, but no reply\n";
  }
  // [operation]
}

static awaitable<void> wait_example() {
  // [wait]
  auto body = [](coroexec::AioPool& pool) -> awaitable<void> {
    std::vector<coroexec::Task<std::string>> tasks;
    tasks.push_back(pool.spawn_n([] { return ask("near", 10ms); }));
    tasks.push_back(pool.spawn_n([] { return ask("far", 1min); }));
    auto now = co_await coroexec::wait(tasks, {.timeout = 1s});   // no error, and nobody is cancelled
    std::cout << now.done.size() << " done, " << now.pending.size() << " pending\n";
  };
  co_await coroexec::with_pool(10, body);                     // waits for the other one as well
  // [wait]
}

static awaitable<void> retry_example() {
  int calls = 0;
  auto attempt = [&] { return ask("reply", ++calls < 3 ? 1h : 10ms); };
  // [retry]
  const auto give_up = coroexec::now() + 1min;
  for (auto pause = 100ms; coroexec::now() < give_up; pause *= 2) {
    auto reply = co_await coroexec::as_outcome(coroexec::with_timeout(2s, attempt()));
    if (reply) {
      std::cout << *reply << " at the third attempt\n";
      break;
    }
    co_await coroexec::sleep_for(pause);                      // throws if we are cancelled meanwhile
  }
  // [retry]
}

static awaitable<void> all() {
  co_await scope_example();
  co_await job_example();
  co_await operation_example();
  co_await wait_example();
  co_await retry_example();
}

int main() { coroexec::run_in_virtual_time([] { return all(); }); }
