// The README's "after" and its other short pieces, as one program.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using coroexec::CoroutineExecutor;

static awaitable<std::size_t> fetch(std::string url) {
  co_await coroexec::sleep_for(1ms);
  if (url == "bad") throw std::runtime_error("no such host");
  co_return url.size();
}

// [after]
awaitable<void> fetch_all(std::vector<std::string> urls) {
  auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto sizes = executor.map_unordered(fetch, urls);       // at most 100 at once, read at your pace
    while (auto size = co_await sizes.next()) std::cout << *size << '\n';
  };                                                        // an error cancels the rest and comes out
  co_await coroexec::with_executor({.max_workers = 100, .timeout = 30s}, body);
}
// [after]

static awaitable<void> pool_example() {
  std::vector<std::string> urls{"a", "bad", "ccc"};
  // [pool]
  auto body = [&](coroexec::AioPool& pool) -> awaitable<void> {
    auto task = co_await pool.spawn({.name = "first", .timeout = 5s}, [] { return fetch("a"); });
    std::cout << co_await task.get() << '\n';               // one result; its error would be thrown
    for (auto& size : co_await pool.map(fetch, urls))       // all of them, errors in their places
      std::cout << (size ? std::to_string(*size) : "failed") << '\n';
  };
  co_await coroexec::with_pool(10, body);                   // ten at a time
  // [pool]
}

static awaitable<void> concurrent_example() {
  // [concurrent]
  std::vector<awaitable<std::size_t>> requests;
  for (auto url : {"a", "bb", "ccc"}) requests.push_back(fetch(url));
  auto sizes = coroexec::concurrent(std::move(requests), {.limit = 2});
  while (auto size = co_await sizes.next()) std::cout << *size << '\n';
  // [concurrent]
}

static awaitable<void> clean_up_example() {
  // [uncancel]
  auto job = []() -> awaitable<std::string> {
    std::exception_ptr cancelled;
    try {
      co_await coroexec::sleep_for(1h);
    } catch (...) {
      cancelled = std::current_exception();                 // C++ cannot co_await in here
    }
    if (cancelled) {
      co_await coroexec::this_task::uncancel();             // in Asio a cancel stays, until this
      co_await coroexec::sleep_for(1ms);                    // say goodbye to the peer
    }
    co_return "cleaned up";
  };
  // [uncancel]
  auto body = [&](coroexec::AioPool& pool) -> awaitable<void> {
    auto task = co_await pool.spawn(job);
    co_await coroexec::this_task::yield();
    co_await pool.cancel(task);
    std::cout << task.result() << '\n';
  };
  co_await coroexec::with_pool(1, body);
}

static awaitable<void> all() {
  std::vector<std::string> good{"a", "bb", "ccc"};
  co_await fetch_all(good);
  co_await pool_example();
  co_await concurrent_example();
  co_await clean_up_example();
}

int main() { coroexec::run(all()); }
