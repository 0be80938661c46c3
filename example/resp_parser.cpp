// One parser of the Redis protocol, used with an event loop on a socket, and without any on bytes in
// memory. It is a coroutine that asks for bytes over a Monitor, from whatever depth of nested arrays.
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;

using Feed = coroexec::Monitor<void, std::string>;

class Parser {
 public:
  explicit Parser(Feed feed) : feed_(feed) {}

  // The next reply, as text.
  awaitable<std::string> reply() {
    const auto head = co_await line();
    const auto rest = head.substr(1);
    switch (head[0]) {
      case '+': co_return rest;
      case '-': co_return "error '" + rest + "'";
      case ':': co_return rest;
      case '$': {
        if (rest == "-1") co_return "nil";
        co_return '"' + co_await bytes(std::stoul(rest)) + '"';
      }
      case '*': {
        std::string all;
        for (auto left = std::stoul(rest); left > 0; --left) {
          const auto element = co_await reply();
          all += (all.empty() ? "" : ", ") + element;
        }
        co_return "[" + all + "]";
      }
    }
    throw std::runtime_error("not a reply: " + head);
  }

 private:
  awaitable<std::string> line() {
    while (buffer_.find("\r\n") == std::string::npos) buffer_ += co_await feed_.oob();
    co_return take(buffer_.find("\r\n"));
  }
  awaitable<std::string> bytes(std::size_t count) {
    while (buffer_.size() < count + 2) buffer_ += co_await feed_.oob();
    co_return take(count);
  }
  std::string take(std::size_t count) {
    auto taken = buffer_.substr(0, count);
    buffer_.erase(0, count + 2);
    return taken;
  }

  Feed feed_;
  std::string buffer_;
};

constexpr std::string_view replies =
    "+OK\r\n:42\r\n$5\r\nhello\r\n*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n$2\r\nok\r\n-ERR wrong type\r\n";
constexpr int reply_count = 5;

// With an event loop: what the peer sends arrives in pieces of seven bytes.
static awaitable<void> serve(asio::ip::tcp::acceptor& acceptor) {
  auto socket = co_await acceptor.async_accept(use_awaitable);
  for (std::size_t at = 0; at < replies.size(); at += 7)
    co_await asio::async_write(socket, asio::buffer(replies.substr(at, 7)), use_awaitable);
}

static awaitable<void> over_a_socket() {
  const auto executor = co_await asio::this_coro::executor;
  asio::ip::tcp::acceptor acceptor(executor, {asio::ip::address_v4::loopback(), 0});
  auto body = [&](coroexec::CoroutineExecutor& scope) -> awaitable<void> {
    scope.submit_nowait(serve, std::ref(acceptor));
    asio::ip::tcp::socket socket(executor);
    co_await socket.async_connect(acceptor.local_endpoint(), use_awaitable);
    Feed feed;
    Parser parser(feed);
    for (int n = 0; n < reply_count; ++n) {
      auto reply = feed([&] { return parser.reply(); });
      auto said = co_await reply.next();
      while (said.index() == 0) {
        std::array<char, 512> data;
        const auto size = co_await socket.async_read_some(asio::buffer(data), use_awaitable);
        said = co_await reply.next(std::string(data.data(), size));
      }
      std::cout << "async: " << std::get<1>(said) << '\n';
    }
  };
  co_await coroexec::with_executor(body);
}

// Without one.
static void in_memory() {
  Feed feed;
  Parser parser(feed);
  std::size_t at = 0;
  for (int n = 0; n < reply_count; ++n) {
    auto reply = feed([&] { return parser.reply(); });
    auto said = coroexec::await_sync(reply.next());
    for (; said.index() == 0; at += 7)
      said = coroexec::await_sync(reply.next(std::string(replies.substr(at, 7))));
    std::cout << "sync:  " << std::get<1>(said) << '\n';
  }
}

int main() {
  coroexec::run(over_a_socket());
  in_memory();
}
