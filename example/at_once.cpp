// Several things at once: all of them, the first of them, in time; and a server that says when it is up.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using coroexec::TaskGroup;
using coroexec::TaskStatus;
using coroexec::Timeout;

static awaitable<std::string> ask(std::string server, std::chrono::milliseconds takes) {
  co_await coroexec::sleep_for(takes);
  if (server == "broken") throw std::runtime_error("broken answers nothing");
  co_return server;
}

static awaitable<void> gather_example() {
  // [gather]
  auto [user, orders] = co_await coroexec::gather(ask("users", 2ms), ask("orders", 1ms));   // both; an error cancels the other
  std::cout << user << ' ' << orders << '\n';

  auto outcomes = co_await coroexec::gather(coroexec::yield_exceptions, ask("prices", 1ms), ask("broken", 1ms));
  std::cout << (std::get<1>(outcomes).has_error() ? "the second failed\n" : "both came\n");   // errors as values
  // [gather]
}

static awaitable<void> race_example() {
  // [race]
  auto winner = co_await coroexec::race(ask("broken", 1ms), ask("near", 2ms), ask("far", 1h));
  std::cout << std::get<1>(winner) << " wins, " << winner.errors().size() << " failed before\n";
  // [race]
}

static awaitable<void> timeout_example() {
  // [timeout]
  Timeout whole(1h, "request"), connecting(1ms, "connect");
  auto request = [&]() -> awaitable<std::string> { co_return co_await coroexec::with_timeout(connecting, ask("far", 1h)); };
  try {
    co_await coroexec::with_timeout(whole, request());
  } catch (const boost::system::system_error& error) {
    std::cout << error.what() << '\n' << (connecting.expired() ? "cannot be reached\n" : "too slow\n");
  }
  // [timeout]
}

// [group]
awaitable<void> serve(TaskStatus<int> status) {
  co_await coroexec::sleep_for(1ms);                        // finds a free port
  status.started(8080);                                     // from here on an error of it is the group's
  co_await coroexec::sleep_for(1h);
}

awaitable<void> with_server() {
  auto body = [](TaskGroup& group) -> awaitable<void> {
    const int port = co_await group.start<int>(serve);      // returns when it is up, or throws why not
    std::cout << "listening on " << port << '\n';
    group.cancel_scope().cancel();                          // ends server and group, without an error
  };
  co_await coroexec::with_task_group(body);
  std::cout << "closed\n";
}
// [group]

static awaitable<void> all() {
  co_await gather_example();
  co_await race_example();
  co_await timeout_example();
  co_await with_server();
}

int main() { coroexec::run(all()); }
