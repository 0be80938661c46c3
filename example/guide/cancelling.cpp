// Asking jobs to stop, and stopping well.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using coroexec::AioPool;
using coroexec::CoroutineExecutor;

static awaitable<void> say(std::string text) {
  co_await coroexec::sleep_for(1ms);
  std::cout << text << '\n';
}

// [cleanup]
awaitable<void> session() {
  std::exception_ptr error;
  try {
    co_await coroexec::sleep_for(1h);                        // serves its client
  } catch (...) {
    error = std::current_exception();                        // C++ has no co_await in here
  }
  co_await coroexec::this_task::uncancel();                  // from here on we may await again
  co_await say("goodbye");
  if (error) std::rethrow_exception(error);                  // still ends as cancelled
}
// [cleanup]

static awaitable<void> one_example() {
  // [one]
  auto body = [](AioPool& pool) -> awaitable<void> {
    auto task = co_await pool.spawn(session);
    co_await coroexec::this_task::yield();                   // let it begin
    task.cancel();                                           // asks, does not wait
    co_await task.wait();                                    // waits, does not throw
    std::cout << (task.cancelled() ? "cancelled\n" : "ended by itself\n");
  };
  co_await coroexec::with_pool(10, body);
  // [one]
}

static awaitable<void> all_example() {
  // [all]
  auto body = [](AioPool& pool) -> awaitable<void> {
    for (int i = 0; i < 3; ++i) pool.spawn_n(session);
    co_await coroexec::sleep_for(1s);
    auto cancelled = co_await pool.cancel();                 // asks all, and waits for their clean-up
    std::cout << cancelled.count << " sessions closed\n";
  };
  co_await coroexec::with_pool(10, body);
  // [all]
}

// [shield]
awaitable<void> transfer() {
  co_await coroexec::shield(say("booked on both accounts"));  // runs to its end in any case
  co_await say("not reached");                               // the cancel is seen here
}
// [shield]

// [compute]
awaitable<void> count_primes() {
  int primes = 0;
  for (int n = 2; !coroexec::this_task::cancel_requested(); ++n) {
    int divisor = 2;
    while (n % divisor != 0) ++divisor;
    primes += divisor == n;
    if (n % 100 == 0) co_await coroexec::this_task::yield(); // or nobody else ever runs
  }
}
// [compute]

static awaitable<void> heartbeat() {
  while (true) co_await coroexec::sleep_for(1min);
}

// [scoped]
awaitable<void> with_heartbeat(AioPool& pool) {
  coroexec::ScopedCancel beating(pool.spawn_n(heartbeat));
  co_await say("working");
}                                                            // whichever way this is left, it stops
// [scoped]

static awaitable<void> group_example() {
  // [group]
  auto body = [](coroexec::TaskGroup& group) -> awaitable<void> {
    group.start_soon(session);
    group.start_soon(heartbeat);
    co_await coroexec::sleep_for(5ms);
    group.cancel_scope().cancel();                           // no error leaves the group
  };
  co_await coroexec::with_task_group(body);
  std::cout << "the group has ended\n";
  // [group]
}

struct ConfigChanged : std::runtime_error {
  ConfigChanged() : std::runtime_error("config changed") {}
};

static awaitable<void> interrupt_example() {
  // [interrupt]
  auto worker = []() -> awaitable<void> {
    try {
      co_await coroexec::sleep_for(1h);
    } catch (const ConfigChanged& why) {
      std::cout << why.what() << '\n';
    }
    co_await say("went on");                                 // no uncancel(): it was no cancel
  };
  // [interrupt]
  auto body = [&](AioPool& pool) -> awaitable<void> {
    auto task = co_await pool.spawn(worker);
    co_await coroexec::this_task::yield();
    // [throw]
    co_await coroexec::task_interrupt(task, ConfigChanged());
    // [throw]
  };
  co_await coroexec::with_pool(1, body);
}

static awaitable<void> all() {
  co_await one_example();
  co_await all_example();
  auto body = [](AioPool& pool) -> awaitable<void> {
    auto task = co_await pool.spawn(transfer);
    co_await coroexec::this_task::yield();
    co_await pool.cancel(task);
    auto primes = co_await pool.spawn(count_primes);
    co_await coroexec::this_task::yield();
    co_await pool.cancel(primes);
    co_await with_heartbeat(pool);
  };
  co_await coroexec::with_pool(10, body);
  co_await group_example();
  co_await interrupt_example();
}

int main() { coroexec::run_in_virtual_time([] { return all(); }); }
