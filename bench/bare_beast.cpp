// What fetch.py measures coroexec-fetch against: the least that fetches many pages of one server with
// Boost.Beast. As many coroutines as connections, each takes the next number, sends a GET and reads the
// answer; no list, no timeout, no retry, no output.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::use_awaitable;

namespace {

struct Fetched {
  std::size_t next = 0;
  std::size_t requests;
  std::size_t succeeded = 0;
};

asio::awaitable<void> fetch(asio::ip::tcp::endpoint server, Fetched& all) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  co_await stream.async_connect(server, use_awaitable);
  stream.socket().set_option(asio::ip::tcp::no_delay(true));
  beast::flat_buffer buffer;
  while (all.next < all.requests) {
    const std::string target = "/page/" + std::to_string(all.next++);
    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, "127.0.0.1");
    co_await http::async_write(stream, request, use_awaitable);
    http::response<http::string_body> response;
    co_await http::async_read(stream, buffer, response, use_awaitable);
    if (response.result() == http::status::ok) ++all.succeeded;
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::fputs("usage: bare_beast PORT REQUESTS CONNECTIONS\n", stderr);
    return 2;
  }
  const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(),
                                       static_cast<unsigned short>(std::atoi(argv[1])));
  asio::io_context context(1);
  Fetched all{.requests = std::strtoull(argv[2], nullptr, 10)};
  for (int i = std::atoi(argv[3]); i > 0; --i)
    asio::co_spawn(context, fetch(server, all), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
  context.run();
  return all.succeeded == all.requests ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bare_beast: %s\n", error.what());
  return 1;
}
