// A TCP server that takes on no more than it can do and ends well. A line is a request: how many
// milliseconds to work; an empty line says goodbye. Bounded are connections, requests at work of
// one connection and of all, the length of a line, and the time a client may take to send a line or
// to read a reply. SIGTERM or Ctrl-C: no more is accepted or read, what is at work has some seconds
// to end, then it is cancelled; a second one ends the program at once.
//
//   example_tcp_server 7000 &                      # [port, 0: any [seconds for a client [seconds to drain]]]
//   printf '300\n200\nx\n\n' | curl -s telnet://127.0.0.1:7000
//   kill %1
#include <algorithm>
#include <boost/asio.hpp>
#include <charconv>
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <utility>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using coroexec::AioPool;
using coroexec::CoroutineExecutor;
using Seconds = std::chrono::duration<double>;

static constexpr std::size_t max_connections = 100;
static constexpr std::size_t max_at_work = 8;        // requests of all connections
static constexpr std::size_t max_of_connection = 4;  // requests of one
static constexpr std::size_t max_line = 100;
static constexpr auto max_work = 10s;

// Shared by the jobs: at a second signal they may be destroyed after the coroutine that started them.
struct Server {
  AioPool work;
  std::chrono::nanoseconds patience;  // with a client
  std::set<tcp::socket*> open = {};
  std::size_t served = 0, at_work = 0, most_at_work = 0;
};

// One up, as long as it lives.
struct Counted {
  std::size_t& now;
  Counted(std::size_t& count, std::size_t& most) : now(count) { most = std::max(most, ++now); }
  ~Counted() { --now; }
  Counted(const Counted&) = delete;
};

// What takes time and resources: put your own in its place.
static awaitable<std::string> work(std::shared_ptr<Server> server, std::string line) {
  const Counted counted(server->at_work, server->most_at_work);
  unsigned milliseconds = 0;
  const auto parsed = std::from_chars(line.data(), line.data() + line.size(), milliseconds);
  if (parsed.ec != std::errc() || parsed.ptr != line.data() + line.size())
    co_return "error: not a number\n";
  co_await coroexec::sleep_for(std::chrono::milliseconds(milliseconds));
  ++server->served;
  co_return line + " ms\n";
}

static awaitable<std::string> reply_to(std::shared_ptr<Server> server, std::string line) {
  if (line.size() > max_line) co_return "error: the line is too long\n";
  auto job = [&] { return work(server, line); };
  try {
    // Waits for a place among the requests of all connections.
    co_return co_await server->work.exec({.timeout = max_work}, job);
  } catch (const std::exception& error) {
    co_return "error: " + std::string(error.what()) + '\n';
  }
}

static awaitable<void> discard(tcp::socket& socket) {
  char bytes[1000];
  while (true) co_await socket.async_read_some(asio::buffer(bytes), use_awaitable);
}

static awaitable<void> serve(std::shared_ptr<Server> server, tcp::socket socket) {
  server->open.insert(&socket);
  const std::unique_ptr<tcp::socket, std::function<void(tcp::socket*)>> leave(
      &socket, [&](tcp::socket* gone) { server->open.erase(gone); });
  auto lines = [&](coroexec::Yield<std::string> yield) -> awaitable<void> {
    for (std::string data;;) {
      boost::system::error_code error;
      auto read = asio::async_read_until(socket, asio::dynamic_buffer(data, max_line + 1), '\n',
                                         asio::redirect_error(use_awaitable, error));
      const std::size_t size = co_await coroexec::with_timeout(server->patience, std::move(read));
      // Too long: it is refused, and nothing after it is read.
      if (error == asio::error::not_found) co_await yield(data);
      if (error || size == 1) co_return;
      co_await yield(data.substr(0, size - 1));
      data.erase(0, size);
    }
  };
  auto body = [&](CoroutineExecutor& requests) -> awaitable<void> {
    auto reply = [&](std::string line) { return reply_to(server, std::move(line)); };
    auto replies = requests.map(reply, coroexec::generate<std::string>(lines));
    while (auto text = co_await replies.next()) {
      auto write = asio::async_write(socket, asio::buffer(*text), use_awaitable);
      co_await coroexec::with_timeout(server->patience, std::move(write));
    }
  };
  try {
    co_await coroexec::with_executor({.max_workers = max_of_connection}, body);
    socket.shutdown(tcp::socket::shutdown_send);
    // If it were closed with data unread the last reply would be lost.
    co_await coroexec::with_timeout(1s, discard(socket));
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::eof) std::cerr << "connection: " << error.what() << std::endl;
  }
}

static awaitable<void> accept_all(std::shared_ptr<Server> server, tcp::acceptor& acceptor,
                                  CoroutineExecutor& connections) {
  while (true) {
    boost::system::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(use_awaitable, error));
    // Waits while there are too many.
    if (!error) co_await connections.submit(serve, server, std::move(socket));
    if (error == asio::error::operation_aborted) co_return;
    if (!error || error == asio::error::connection_aborted) continue;
    // No descriptors, no memory: it passes.
    std::cerr << "accept: " << error.message() << std::endl;
    co_await coroexec::sleep_for(100ms);
  }
}

static awaitable<void> run_server(unsigned short port, Seconds patience, Seconds drain) {
  const auto nanoseconds = [](Seconds time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time);
  };
  const auto executor = co_await asio::this_coro::executor;
  tcp::acceptor acceptor(executor, {tcp::v4(), port});
  acceptor.set_option(asio::socket_base::send_buffer_size(
      32 * 1024));  // a client that does not read is soon noticed
  std::shared_ptr<Server> server(new Server{AioPool(executor, max_at_work), nanoseconds(patience)});
  // Not with_executor: the signal cancels this coroutine, and would them with it.
  CoroutineExecutor connections(executor, {.max_workers = max_connections,
                                           .suppress_task_errors = true,
                                           .backlog = 0,
                                           .name = "connections"});
  std::cout << "listening on port " << acceptor.local_endpoint().port() << std::endl;
  co_await coroexec::as_outcome(accept_all(server, acceptor, connections));

  co_await coroexec::this_task::uncancel();
  acceptor.close();
  std::cout << "draining" << std::endl;
  boost::system::error_code ignored;
  // No more requests.
  for (auto* socket : server->open) socket->shutdown(tcp::socket::shutdown_receive, ignored);
  const auto drained = co_await coroexec::as_outcome(connections.join(nanoseconds(drain)));
  // Cancels, and waits for the end.
  if (!drained) co_await coroexec::as_outcome(connections.shutdown(false));
  std::cout << (drained ? "drained" : "cut off") << ": " << server->served << " requests, at most "
            << server->most_at_work << " at work" << std::endl;
}

int main(int argc, char** argv) {
  const auto number = [&](int i, double otherwise) {
    return argc > i ? std::atof(argv[i]) : otherwise;
  };
  try {
    coroexec::run(run_server(static_cast<unsigned short>(number(1, 0)), Seconds(number(2, 30)),
                             Seconds(number(3, 10))));
    return 0;
  } catch (const std::exception& error) {  // the port is taken, a second signal
    std::cerr << error.what() << '\n';
    return 1;
  }
}
