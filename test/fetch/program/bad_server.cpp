// What the server does wrong.
#include "bad_server.hpp"

#include <zlib.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace fetch::test {
namespace {

using asio::ip::tcp;

asio::awaitable<void> send(tcp::socket& socket, std::string text) {
  co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
}

// Ends when the client has gone: the write throws then.
asio::awaitable<void> send_without_end(tcp::socket& socket, const std::string& text) {
  std::string block;
  while (block.size() < 8192) block += text;
  for (;;) co_await asio::async_write(socket, asio::buffer(block), asio::use_awaitable);
}

asio::awaitable<void> wait_for_client_to_go(tcp::socket& socket) {
  char byte = 0;
  boost::system::error_code ignored;
  co_await socket.async_read_some(asio::buffer(&byte, 1),
                                  asio::redirect_error(asio::use_awaitable, ignored));
}

std::string ok(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string gzip_of_zeros(std::size_t size) {
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY);
  const std::string zeros(1 << 20, '\0');
  std::string out(size / 100 + 1000, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  for (std::size_t done = 0; done < size; done += zeros.size()) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
    stream.avail_in = static_cast<uInt>(zeros.size());
    deflate(&stream, done + zeros.size() < size ? Z_NO_FLUSH : Z_FINISH);
  }
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// A close that the client sees as a reset.
void reset(tcp::socket& socket) {
  socket.set_option(asio::socket_base::linger(true, 0));
  socket.close();
}

const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n";

}  // namespace

BadServer::BadServer()
    : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}),
      released_(context_, asio::steady_timer::time_point::max()),
      port_(acceptor_.local_endpoint().port()) {
  asio::co_spawn(context_, accept_all(), asio::detached);
  thread_ = std::thread([this] { context_.run(); });
}

BadServer::~BadServer() {
  context_.stop();
  thread_.join();
}

std::string BadServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

void BadServer::wait_for_requests(std::size_t count) {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [&] { return requests_ >= count; });
}

void BadServer::release() {
  asio::post(context_, [this] {
    is_released_ = true;
    released_.cancel();
  });
}

asio::awaitable<void> BadServer::accept_all() {
  for (;;) {
    tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
    asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> BadServer::serve(tcp::socket socket) {
  std::string buffer;
  try {
    for (bool again = true; again;) {
      const auto size = co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer),
                                                        "\r\n\r\n", asio::use_awaitable);
      const std::string request = buffer.substr(0, size);
      buffer.erase(0, size);
      {
        const std::lock_guard lock(mutex_);
        ++requests_;
      }
      arrived_.notify_all();
      again = co_await answer(socket, request);
    }
  } catch (const boost::system::system_error&) {
    // the client has gone
  }
}

// Whether the connection is to be kept.
asio::awaitable<bool> BadServer::answer(tcp::socket& socket, const std::string& request) {
  const std::string target = request.substr(4, request.find(' ', 4) - 4);
  const std::string path = target.substr(0, target.find('/', 1));
  const bool first = seen_[target]++ == 0;

  if (path == "/ok" || (path == "/flaky" && !first) || (path == "/flaky-reset" && !first)) {
    co_await send(socket, ok("fine"));
    co_return true;
  }
  if (path == "/seen") {
    co_await send(socket, ok(request));
    co_return true;
  }
  if (path == "/hints") {
    co_await send(socket, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok("fine"));
    co_return true;
  }
  if (path == "/flaky") {
    co_await send(socket, busy + "\r\n");
    co_return true;
  }
  if (path == "/once") {
    co_await send(socket, ok("fine"));
    char byte = 0;
    co_await socket.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
    co_return false;
  }
  if (path == "/hold") {
    boost::system::error_code ignored;
    if (!is_released_)
      co_await released_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_await send(socket, ok("held"));
    co_return true;
  }

  if (path == "/reset" || path == "/flaky-reset") reset(socket);
  if (path == "/half-header") co_await send(socket, "HTTP/1.1 200 OK\r\nContent-");
  if (path == "/half-body")
    co_await send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
  if (path == "/half-chunk") co_await send(socket, chunked + "ff\r\nhalf");
  if (path == "/half-gzip")
    co_await send(socket, ok(gzip_of_zeros(1 << 20).substr(0, 500), "Content-Encoding: gzip\r\n"));
  if (path == "/bad-gzip")
    co_await send(socket, ok("no gzip at all", "Content-Encoding: gzip\r\n"));
  if (path == "/brotli") co_await send(socket, ok("?", "Content-Encoding: br\r\n"));
  if (path == "/garbage") co_await send(socket, "\x01\x02\x03 no HTTP\r\n\r\n");
  if (path == "/bad-chunk") co_await send(socket, chunked + "many\r\nbytes\r\n");
  if (path == "/stall-body")
    co_await send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
  if (path == "/stall" || path == "/stall-body") co_await wait_for_client_to_go(socket);
  if (path == "/endless-body") {
    co_await send(socket, chunked);
    co_await send_without_end(socket, "400\r\n" + std::string(1024, 'x') + "\r\n");
  }
  if (path == "/endless-stream") {
    co_await send(socket, "HTTP/1.1 200 OK\r\n\r\n");
    co_await send_without_end(socket, std::string(1024, 'x'));
  }
  if (path == "/endless-header") {
    co_await send(socket, "HTTP/1.1 200 OK\r\n");
    co_await send_without_end(socket, "X-Field: value\r\n");
  }
  if (path == "/endless-line") {
    co_await send(socket, "HTTP/1.1 200 OK\r\nX-Field: ");
    co_await send_without_end(socket, std::string(1024, 'x'));
  }
  if (path == "/endless-hints")
    co_await send_without_end(socket, "HTTP/1.1 103 Early Hints\r\n\r\n");
  if (path == "/bomb") {
    co_await send(socket, ok(gzip_of_zeros(20 << 20), "Content-Encoding: gzip\r\n"));
  }
  if (path == "/nowhere")
    co_await send(socket, "HTTP/1.1 302 Found\r\nLocation: http://no host/\r\n\r\n");
  if (path == "/away")
    co_await send(socket, "HTTP/1.1 302 Found\r\nLocation: http://localhost:" +
                              std::to_string(port_) + "/seen\r\nContent-Length: 0\r\n\r\n");
  if (path == "/busy") co_await send(socket, busy + "Retry-After: 3600\r\n\r\n");
  co_return false;
}

}  // namespace fetch::test
