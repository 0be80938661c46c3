// A Monitor's round trip beside plain Asio's post and resume, the cheapest way there for two coroutines
// to take turns. Per round: nanoseconds, and the ratio to the first line.
//
//   bench_monitor [rounds] [which]
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "coroexec/coroexec.hpp"

namespace asio = boost::asio;
using asio::awaitable;
using namespace coroexec;

namespace {

long rounds = 1'000'000;
double first_line = 0;

void report(const char* what, std::chrono::nanoseconds time) {
  const double each = static_cast<double>(time.count()) / static_cast<double>(rounds);
  if (first_line == 0) first_line = each;
  std::printf("%-58s %7.1f ns  %5.2f\n", what, each, each / first_line);
}

template <class Body>
awaitable<void> measure(const char* what, Body body) {
  const auto start = std::chrono::steady_clock::now();
  co_await body();
  report(what, std::chrono::steady_clock::now() - start);
}

awaitable<void> post_and_resume() {
  for (long i = 0; i < rounds; ++i) co_await asio::post(asio::use_awaitable);
}

// Two coroutines and two channels: what one writes by hand.
awaitable<void> channels() {
  using Channel = asio::experimental::channel<void(boost::system::error_code, long)>;
  const auto executor = co_await asio::this_coro::executor;
  Channel out(executor), in(executor);
  const auto speak = [&]() -> awaitable<void> {
    for (long i = 0; i < rounds; ++i) {
      co_await out.async_send({}, i, asio::use_awaitable);
      co_await in.async_receive(asio::use_awaitable);
    }
  };
  asio::co_spawn(executor, speak, asio::detached);
  for (long i = 0; i < rounds; ++i) {
    co_await out.async_receive(asio::use_awaitable);
    co_await in.async_send({}, i, asio::use_awaitable);
  }
}

awaitable<long> speaker(Monitor<long, long> monitor) {
  long sum = 0;
  for (long i = 0; i < rounds; ++i) sum += co_await monitor.oob(i);
  co_return sum;
}

awaitable<void> monitor_next() {
  Monitor<long, long> monitor;
  auto coroutine = monitor(speaker(monitor));
  auto said = co_await coroutine.next();
  while (said.index() == 0) said = co_await coroutine.next(1);
}

awaitable<void> monitor_aawait() {
  Monitor<long, long> monitor;
  auto coroutine = monitor(speaker(monitor));
  for (bool over = false; !over;) {
    try {
      co_await coroutine.aawait();
      over = true;
    } catch (const OOBData<long>&) {
    }
  }
}

awaitable<void> generator() {
  const auto body = [](Yield<long> yield) -> awaitable<void> {
    for (long i = 0; i < rounds; ++i) co_await yield(i);
  };
  auto stream = generate<long>(body);
  while (co_await stream.next()) {
  }
}

awaitable<void> suspending_generator() {
  const auto body = [](Yield<long> yield) -> awaitable<void> {
    for (long i = 0; i < rounds; ++i) {
      co_await asio::post(asio::use_awaitable);
      co_await yield(i);
    }
  };
  auto stream = generate<long>(body);
  while (co_await stream.next()) {
  }
}

awaitable<void> all(std::string_view which, const char* where) {
  std::printf("%s\n", where);
  const auto run = [which](std::string_view name, const char* what, auto body) -> awaitable<void> {
    if (which.empty() || which == name) co_await measure(what, body);
  };
  co_await run("post", "  asio::post and resume", post_and_resume);
  co_await run("channels", "  two coroutines, two channels", channels);
  co_await run("next", "  Monitor: next() and oob()", monitor_next);
  co_await run("generate", "  generate: next() and yield", generator);
  co_await run("suspending", "  the same, and the body posts before each", suspending_generator);
  if (which == "aawait") rounds /= 10;
  co_await run("aawait", "  Monitor: aawait() and oob(), a throw each", monitor_aawait);
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) rounds = std::atol(arguments[1]);
  const std::string which = count > 2 ? arguments[2] : "";
  const bool in_run = count <= 3 || arguments[3] == std::string_view("run");
  const bool in_context = count <= 3 || arguments[3] == std::string_view("context");
  if (in_context) {
    asio::io_context context(1);
    asio::co_spawn(context, all(which, "in a coroutine on an io_context"), asio::detached);
    context.run();
  }
  if (in_run) coroexec::run(all(which, "in a job"));
}
