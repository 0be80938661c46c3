// An input of any length through a bounded number of jobs, at the pace of who reads the results.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <ranges>
#include <sstream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using coroexec::AioPool;
using coroexec::CoroutineExecutor;
using coroexec::Yield;

static awaitable<std::string> fetch(std::string url) {
  co_await coroexec::sleep_for(url == "b" ? 20ms : 10ms);
  co_return url + url;
}
static awaitable<std::size_t> parse(std::string page) {
  co_await coroexec::sleep_for(1ms);
  co_return page.size();
}

// [lines]
awaitable<void> fetch_lines(std::istream& input) {
  auto lines = [&](Yield<std::string> yield) -> awaitable<void> {
    for (std::string line; std::getline(input, line);) co_await yield(line);
  };
  auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto pages = executor.map_unordered(fetch, coroexec::generate<std::string>(lines));
    while (auto page = co_await pages.next()) std::cout << *page << '\n';
  };
  co_await coroexec::with_executor({.max_workers = 2}, body);
}
// [lines]

// [stages]
awaitable<void> two_stages(std::vector<std::string> urls) {
  auto body = [&](CoroutineExecutor& fetchers) -> awaitable<void> {
    auto inner = [&](CoroutineExecutor& parsers) -> awaitable<void> {
      auto pages = fetchers.map(fetch, urls);                 // at most 100 at once
      auto sizes = parsers.map(parse, std::move(pages));      // at most 4 at once; reads the first
      std::size_t sum = 0;
      while (auto size = co_await sizes.next()) sum += *size;
      std::cout << sum << " in all\n";
    };
    co_await coroexec::with_executor({.max_workers = 4}, inner);
  };
  co_await coroexec::with_executor({.max_workers = 100}, body);
}
// [stages]

// [early]
awaitable<void> first_long_one(CoroutineExecutor& executor, std::vector<std::string> urls) {
  auto pages = executor.map(fetch, urls);
  while (auto page = co_await pages.next()) {
    if (page->size() < 4) continue;
    std::cout << *page << " is long\n";
    co_await pages.aclose();                                  // cancels the rest, waits for it
    break;
  }
}
// [early]

static awaitable<void> batches_example(std::vector<std::string> urls) {
  // [batches]
  auto body = [&](AioPool& pool) -> awaitable<void> {
    coroexec::IterOptions every{.timeout = 15ms};
    auto batches = pool.itermap_batches(fetch, urls, every);
    while (auto batch = co_await batches.next())              // vectors of Outcome: write them in one go
      std::cout << batch->size() << " more\n";
  };
  co_await coroexec::with_pool(10, body);
  // [batches]
}

static awaitable<void> no_scope() {
  // [concurrent]
  auto requests = std::views::iota(1, 4) | std::views::transform([](int n) { return fetch(std::string(n, 'x')); });
  auto pages = coroexec::concurrent(requests, {.limit = 2});
  auto print = [](std::string page) { std::cout << page << '\n'; };
  co_await coroexec::for_each(std::move(pages), print);       // waits for everything it has started
  // [concurrent]
}

static awaitable<void> all() {
  std::istringstream input("a\nb\nc\n");
  const std::vector<std::string> urls{"a", "b", "cc"}, more{"a", "bb", "c"};
  co_await fetch_lines(input);
  co_await two_stages(urls);
  auto body = [&](CoroutineExecutor& executor) -> awaitable<void> { co_await first_long_one(executor, more); };
  co_await coroexec::with_executor(body);
  co_await batches_example(urls);
  co_await no_scope();
}

int main() { coroexec::run_in_virtual_time([] { return all(); }); }
