// What is written elsewhere with errgroup, collectAllWindowed, wait_group or asyncio.gather.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <ranges>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using coroexec::AioPool;
using coroexec::CoroutineExecutor;
using coroexec::TaskGroup;

static awaitable<std::size_t> fetch(std::string url) {
  co_await coroexec::sleep_for(1ms);
  co_return url.size();
}

// [python]
awaitable<void> with_a_scope(std::vector<std::string> urls) {
  auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {   // async with CoroutineExecutor() as executor:
    auto task = co_await executor.submit(fetch, urls[0]);             //   task = await executor.submit(fetch, urls[0])
    auto sizes = executor.map(fetch, urls);                           //   async for size in executor.map(fetch, urls):
    while (auto size = co_await sizes.next()) std::cout << *size;     //     print(size)
    std::cout << task.result() << '\n';                               //   print(task.result())
  };
  co_await coroexec::with_executor({.max_workers = 10}, body);
}
// [python]

// [asyncio_pool]
awaitable<void> with_a_pool(std::vector<std::string> urls) {
  auto body = [&](AioPool& pool) -> awaitable<void> {                 // async with AioPool(size=10) as pool:
    auto task = pool.spawn_n(fetch(urls[0]));                         //   task = pool.spawn_n(fetch(urls[0]))
    auto sizes = co_await pool.map(fetch, urls);                      //   sizes = await pool.map(fetch, urls)
    std::cout << sizes.size() << co_await task.get() << '\n';         //   print(len(sizes), await task)
  };
  co_await coroexec::with_pool(10, body);
}
// [asyncio_pool]

// [errgroup]
awaitable<void> like_errgroup(std::vector<std::string> urls) {
  auto body = [&](CoroutineExecutor& g) -> awaitable<void> {          // g, ctx := errgroup.WithContext(ctx)
    for (auto& url : urls) co_await g.submit(fetch, url);             // g.Go(func() error { … }), waits as there
  };                                                                  // g.Wait()
  co_await coroexec::with_executor({.max_workers = 10, .backlog = 0}, body);   // g.SetLimit(10)
}
// [errgroup]

// [folly]
awaitable<void> like_folly(std::vector<std::string> urls) {
  auto [first, second] = co_await coroexec::gather(fetch(urls[0]), fetch(urls[1]));   // collectAll
  auto requests = urls | std::views::transform(fetch);
  auto sizes = coroexec::concurrent(requests, {.limit = 10});         // makeUnorderedAsyncGenerator, but bounded
  std::size_t sum = first + second;
  while (auto size = co_await sizes.next()) sum += *size;
  std::cout << sum << '\n';
}
// [folly]

// [cobalt]
awaitable<void> like_cobalt() {
  auto body = [](TaskGroup& group) -> awaitable<void> {               // co_await with(wait_group(), …)
    group.start_soon(fetch, "abc");                                   // group.push_back(fetch("abc"))
    auto winner = co_await coroexec::race(fetch("a"), fetch("b"));    // race; the first success here
    std::cout << "winner " << winner.index() << '\n';
  };
  co_await coroexec::with_task_group(body);
}
// [cobalt]

static awaitable<void> all() {
  std::vector<std::string> urls{"a", "bb", "ccc"};
  co_await with_a_scope(urls);
  co_await with_a_pool(urls);
  co_await like_errgroup(urls);
  co_await like_folly(urls);
  co_await like_cobalt();
}

int main() { coroexec::run_in_virtual_time([] { return all(); }); }
