// A server whose work is bounded: in connections, in calls of a backend, in starts per second.
#include <boost/asio.hpp>
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <optional>
#include <string>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using coroexec::AioPool;
using coroexec::CoroutineExecutor;

static awaitable<void> serve(tcp::socket socket) {
  std::string line;
  co_await asio::async_read_until(socket, asio::dynamic_buffer(line), '\n', use_awaitable);
  co_await asio::async_write(socket, asio::buffer(line), use_awaitable);
}

// [accept]
awaitable<void> accept_all(tcp::acceptor& acceptor) {
  auto body = [&](CoroutineExecutor& connections) -> awaitable<void> {
    while (true) {
      tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
      co_await connections.submit(serve, std::move(socket));   // waits while 100 are being served
    }
  };
  co_await coroexec::with_executor({.max_workers = 100, .suppress_task_errors = true, .backlog = 0}, body);
}
// [accept]

// [refuse]
awaitable<void> accept_or_refuse(tcp::acceptor& acceptor, CoroutineExecutor& connections) {
  tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
  auto task = connections.try_submit(serve, std::move(socket));
  if (!task) std::cout << "refused\n";                         // no room: the socket has been closed
}
// [refuse]

static awaitable<std::string> query(std::string what) {
  co_await coroexec::sleep_for(1ms);
  co_return what;
}

// [pool]
awaitable<std::string> handle(AioPool& database, std::string request) {
  auto ask = [&] { return query(request); };
  co_return co_await database.exec(ask);                       // at most 4 at once, of all who call
}
// [pool]

// [drain]
awaitable<void> stop(CoroutineExecutor& connections) {
  try {
    co_await connections.join(10s);                            // what runs may end by itself
  } catch (const boost::system::system_error& error) {
    std::cout << error.what() << '\n';                         // … and who did not
    connections.cancel();
  }
}
// [drain]

static awaitable<std::string> ask(unsigned short port) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, use_awaitable);
  co_await asio::async_write(socket, asio::buffer("hello\n", 6), use_awaitable);
  std::string reply;
  boost::system::error_code closed;
  co_await asio::async_read(socket, asio::dynamic_buffer(reply), asio::redirect_error(use_awaitable, closed));
  co_return reply.empty() ? "nothing\n" : reply;
}

static awaitable<void> server() {
  tcp::acceptor acceptor(co_await asio::this_coro::executor, {asio::ip::address_v4::loopback(), 0});
  const auto port = acceptor.local_endpoint().port();
  auto group = [&](coroexec::TaskGroup& both) -> awaitable<void> {
    both.start_soon([&] { return accept_all(acceptor); });
    std::cout << co_await ask(port);
    both.cancel_scope().cancel();
  };
  co_await coroexec::with_task_group(group);

  auto full = [&](CoroutineExecutor& connections) -> awaitable<void> {
    auto sleeper = connections.submit_nowait({.name = "sleeper"}, [] { return coroexec::sleep_for(1h); });
    auto client = coroexec::eager(ask(port));
    co_await accept_or_refuse(acceptor, connections);
    std::cout << co_await client.get();
    sleeper.cancel();
    co_await sleeper.wait();
  };
  co_await coroexec::with_executor({.max_workers = 1, .suppress_task_errors = true, .backlog = 0}, full);
}

static awaitable<void> rest() {
  auto pool = [](AioPool& database) -> awaitable<void> {
    std::cout << co_await handle(database, "users") << '\n';
  };
  co_await coroexec::with_pool(4, pool);

  // [rate]
  auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    const auto begin = coroexec::now();
    for (int i = 0; i < 21; ++i) co_await executor.submit(query, "users");
    co_await executor.join();
    std::cout << (coroexec::now() - begin) / 1s << " s\n";     // 1 at once, then 10 a second: 2 s
  };
  co_await coroexec::with_executor({.max_workers = 5, .max_per_second = 10}, body);
  // [rate]

  auto stubborn = [](CoroutineExecutor& connections) -> awaitable<void> {
    connections.submit_nowait({.name = "slow client"}, [] { return coroexec::sleep_for(1h); });
    co_await stop(connections);
  };
  co_await coroexec::as_outcome(coroexec::with_executor({.name = "connections"}, stubborn));
}

int main() {
  coroexec::run(server());
  coroexec::run_in_virtual_time([] { return rest(); });
}
