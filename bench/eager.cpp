// Starting coroutines that do not wait, and such that wait once: eager() beside asio::co_spawn, each
// with its result handed back.
//
//   bench_eager              all of it, with ratios
//   bench_eager eager 100000 only that many of one row, for valgrind --tool=callgrind
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <vector>

namespace asio = boost::asio;
using boost::asio::awaitable;

static constexpr int batch = 100;  // started one after the other, then all of them are waited for

static awaitable<int> quick(int i) { co_return i; }
static awaitable<int> yields(int i) {
  co_await coroexec::this_task::yield();
  co_return i;
}
static awaitable<int> posts(int i) {
  co_await asio::post(asio::use_awaitable);
  co_return i;
}

template <class Coroutine>
static awaitable<long> spawn_all(int count, Coroutine coroutine) {
  const auto executor = co_await asio::this_coro::executor;
  long sum = 0;
  for (int done = 0; done < count;) {
    int left = batch;
    for (int i = 0; i < batch; ++i)
      asio::co_spawn(executor, coroutine(i), [&](std::exception_ptr error, int value) {
        if (!error) sum += value;
        --left;
      });
    while (left > 0) co_await asio::post(asio::use_awaitable);
    done += batch;
  }
  co_return sum;
}

template <class Start>
static awaitable<long> start_all(int count, Start start) {
  long sum = 0;
  std::vector<coroexec::Task<int>> tasks;
  for (int done = 0; done < count;) {
    for (int i = 0; i < batch; ++i) tasks.push_back(start(i));
    co_await asio::post(asio::use_awaitable);
    for (auto& task : tasks) {
      if (!task.done()) co_await task.wait();
      sum += task.result();
    }
    tasks.clear();
    done += batch;
  }
  co_return sum;
}

static awaitable<long> coro_start_all(int count) {
  long sum = 0;
  for (int i = 0; i < count; ++i) {
    coroexec::CoroStart start(quick(i % batch));
    sum += start.result();
    if (i % batch == 0) co_await asio::post(asio::use_awaitable);
  }
  co_return sum;
}

struct Row {
  const char* name;
  awaitable<long> (*run)(int);
};
static const Row rows[] = {
    {"co_spawn", [](int n) { return spawn_all(n, quick); }},
    {"eager", [](int n) { return start_all(n, [](int i) { return coroexec::eager(quick(i)); }); }},
    {"coro_start", [](int n) { return coro_start_all(n); }},
    {"co_spawn_post", [](int n) { return spawn_all(n, posts); }},
    {"eager_post", [](int n) { return start_all(n, [](int i) { return coroexec::eager(posts(i)); }); }},
    {"eager_yield", [](int n) { return start_all(n, [](int i) { return coroexec::eager(yields(i)); }); }},
    {"create_task", [](int n) { return start_all(n, [](int i) { return coroexec::create_task(quick(i)); }); }},
};

int main(int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";
  const int count = argc > 2 ? std::atoi(argv[2]) : only.empty() ? 1'000'000 : 100'000;
  double plain = 0;
  for (const auto& row : rows) {
    if (!only.empty() && only != row.name) continue;
    double best = 0;
    for (int round = 0; round < (only.empty() ? 5 : 1); ++round) {
      const auto begin = std::chrono::steady_clock::now();
      if (coroexec::run(row.run(count)) != static_cast<long>(count) / batch * (batch * (batch - 1) / 2)) return 1;
      const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
      if (round == 0 || time.count() < best) best = time.count();
    }
    const double each = best / count;
    if (std::string_view(row.name).starts_with("co_spawn")) plain = each;
    std::printf("%-14s %7.1f ns", row.name, each);
    if (plain > 0) std::printf("  %.2f of co_spawn", each / plain);
    std::printf("\n");
  }
}
