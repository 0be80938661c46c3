// What check.py has GDB print, at stop_here().
#include <coroexec/coroexec.hpp>
#include <stdexcept>
#include <string>

using boost::asio::awaitable;
using coroexec::AioPool;
using coroexec::Outcome;

[[gnu::noinline]] void stop_here() { asm volatile(""); }

static awaitable<int> answer() { co_return 42; }
static awaitable<std::string> fail() {
  throw std::runtime_error("no such host");
  co_return "";
}
static awaitable<void> nothing() { co_return; }

static awaitable<void> show(AioPool& pool) {
  auto good = pool.spawn_n({.name = "good"}, answer);
  auto bad = pool.spawn_n(fail);
  auto empty = pool.spawn_n(nothing);
  co_await good.wait();
  co_await bad.wait();
  co_await empty.wait();
  auto stopped = pool.spawn_n(answer), queued = pool.spawn_n(answer);
  stopped.cancel();
  coroexec::AnyTask any = bad;
  coroexec::Task<int> none;
  Outcome<int> value = good.outcome();
  Outcome<std::string> error = bad.outcome(), text = std::string("text");
  Outcome<void> success;
  stop_here();
  co_await queued.wait();
}

int main() {
  auto body = [](AioPool& pool) { return show(pool); };
  coroexec::run(coroexec::with_pool(1, body));
}
