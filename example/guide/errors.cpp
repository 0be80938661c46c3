// Where a job's error goes, and how to look at it.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using coroexec::CoroutineExecutor;
using coroexec::ErrorPolicy;

static awaitable<std::string> fetch(std::string url) {
  co_await coroexec::sleep_for(url == "good" ? 2ms : 1ms);
  if (url != "good") throw std::runtime_error(url + ": no such host");
  co_return url;
}

static awaitable<void> first_example() {
  // [first]
  auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(fetch, "good");
    co_await executor.submit(fetch, "bad");
    co_await coroexec::sleep_for(1h);                        // is cancelled as well
  };
  try {
    co_await coroexec::with_executor(body);
  } catch (const std::runtime_error& error) {
    std::cout << error.what() << '\n';                       // when nothing runs any more
  }
  // [first]
}

static awaitable<void> suppress_example() {
  // [suppress]
  auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    auto good = co_await executor.submit(fetch, "good");
    auto bad = co_await executor.submit(fetch, "bad");
    std::cout << co_await good.get() << '\n';
    co_await bad.wait();
    if (auto outcome = bad.outcome(); !outcome) std::cout << "bad has failed\n";
  };
  co_await coroexec::with_executor({.on_error = ErrorPolicy::suppress}, body);   // throws nothing of that
  // [suppress]
}

static awaitable<void> collect_example() {
  // [collect]
  auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    for (auto url : {"good", "bad", "worse"}) co_await executor.submit({.name = url}, fetch, url);
  };
  try {
    co_await coroexec::with_executor({.on_error = ErrorPolicy::collect}, body);
  } catch (const coroexec::TaskGroupError& all) {
    for (auto& error : all.errors()) std::cout << "job " << error.id << " '" << error.name << "' failed\n";
  }
  // [collect]
}

static awaitable<void> outcome_example() {
  // [outcome]
  auto page = co_await coroexec::as_outcome(fetch("bad"));   // no try, so what follows may await
  if (!page) page = co_await coroexec::as_outcome(fetch("good"));
  std::cout << "got " << page.value() << '\n';               // value() would rethrow the error
  // [outcome]
}

static awaitable<void> stream_example() {
  std::vector<std::string> urls{"good", "bad", "good"};
  auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    // [stream]
    auto pages = executor.map(fetch, urls);
    try {
      while (auto page = co_await pages.next()) std::cout << *page << '\n';
    } catch (const std::runtime_error& error) {              // after the results that come before it
      std::cout << "then " << error.what() << '\n';
    }
    // [stream]
  };
  co_await coroexec::with_executor(body);
  // [elements]
  auto requests = urls | std::views::transform(fetch);
  auto pages = coroexec::concurrent(requests, coroexec::yield_exceptions);
  while (auto page = co_await pages.next()) std::cout << (*page ? "ok" : "failed") << '\n';
  // [elements]
}

static awaitable<void> code_example() {
  auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.shutdown();
    // [code]
    try {
      co_await executor.submit({.name = "late"}, fetch, "good");
    } catch (const boost::system::system_error& error) {
      if (error.code() == coroexec::errc::closed) std::cout << error.what() << '\n';
    }
    // [code]
  };
  co_await coroexec::with_executor({.name = "crawler"}, body);
}

static awaitable<void> all() {
  co_await first_example();
  co_await suppress_example();
  co_await collect_example();
  co_await outcome_example();
  co_await stream_example();
  co_await code_example();
}

int main() { coroexec::run_in_virtual_time([] { return all(); }); }
