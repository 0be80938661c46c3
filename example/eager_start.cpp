// The three ways to start a coroutine, told apart by what they log.
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <string>

using boost::asio::awaitable;
using coroexec::this_task::yield;

using Log = std::string;

static awaitable<void> coroutine(Log& log) {
  log += " 1";
  for (int i = 0; i < 2; ++i) co_await yield();   // longer than its caller
  log += " 2";
}

static awaitable<void> compare() {
  Log log;
  {
    log += " a";
    auto lazy = coroutine(log);                   // nothing runs until it is awaited
    log += " b";
    co_await yield();
    log += " c";
    co_await std::move(lazy);
  }
  std::cout << "awaitable:  " << std::exchange(log, {}) << '\n';
  {
    log += " a";
    auto task = coroexec::create_task(coroutine(log));  // runs at the caller's next wait
    log += " b";
    co_await yield();
    log += " c";
    co_await task.get();
  }
  std::cout << "create_task:" << std::exchange(log, {}) << '\n';
  // [eager]
  log += " a";
  auto task = coroexec::eager(coroutine(log));    // runs at once, up to its first wait
  log += " b";
  co_await yield();
  log += " c";
  co_await task.get();
  // [eager]
  std::cout << "eager:      " << log << '\n';
}

int main() { coroexec::run(compare()); }
