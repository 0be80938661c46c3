// The pages of the demonstration.
#include "demo_server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <charconv>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <zlib.h>

namespace fetch {
namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;
using Response = http::response<http::string_body>;

std::string gzip(const std::string& text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK)
    throw std::runtime_error("deflateInit2");
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

unsigned page_number(std::string_view target) {
  unsigned number = 0;
  const auto digits = target.substr(target.rfind('/') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Response answer(const http::request<http::empty_body>& request, std::set<unsigned>& refused_once) {
  const std::string target(request.target());
  const unsigned number = page_number(target);
  Response response(http::status::ok, request.version());
  response.keep_alive(request.keep_alive());
  if (number % 40 == 0 && refused_once.insert(number).second) {
    response.result(http::status::service_unavailable);
  } else if (number % 25 == 0 && target.starts_with("/page/")) {
    response.result(http::status::found);
    response.set(http::field::location, "/moved/" + std::to_string(number));
  } else {
    const std::string line = "page " + std::to_string(number) + " of the demonstration\n";
    for (unsigned i = 0; i <= number * 37 % 400; ++i) response.body() += line;
    if (number % 3 == 0) {
      response.set(http::field::content_encoding, "gzip");
      response.body() = gzip(response.body());
    }
    if (number % 4 == 1) response.chunked(true);
  }
  if (!response.chunked()) response.prepare_payload();
  return response;
}

asio::awaitable<void> serve(tcp::socket socket, std::set<unsigned>& refused_once) {
  boost::beast::flat_buffer buffer;
  asio::steady_timer timer(socket.get_executor());
  for (;;) {
    http::request<http::empty_body> request;
    boost::system::error_code error;
    co_await http::async_read(socket, buffer, request,
                              asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;  // the client has closed the connection
    const auto number = page_number({request.target().data(), request.target().size()});
    timer.expires_after(std::chrono::milliseconds(20 + number * 7919 % 120));
    co_await timer.async_wait(asio::use_awaitable);
    Response response = answer(request, refused_once);
    co_await http::async_write(socket, response, asio::redirect_error(asio::use_awaitable, error));
    if (error || !response.keep_alive()) co_return;
  }
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor) {
  std::set<unsigned> refused_once;
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), refused_once), asio::detached);
  }
}

}  // namespace

DemoServer::DemoServer()
    : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}),
      port_(acceptor_.local_endpoint().port()) {
  asio::co_spawn(context_, accept_all(acceptor_), asio::detached);
  thread_ = std::thread([this] { context_.run(); });
}

DemoServer::~DemoServer() {
  context_.stop();
  thread_.join();
}

std::string DemoServer::address() const { return "http://127.0.0.1:" + std::to_string(port_); }

std::string DemoServer::url_list(std::size_t count) const {
  std::string list;
  for (std::size_t i = 1; i <= count; ++i) list += address() + "/page/" + std::to_string(i) + "\n";
  return list;
}

}  // namespace fetch
