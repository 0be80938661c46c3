// Answering scrapes.
#include "metrics_server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <coroexec/metrics.hpp>
#include <coroexec/this_task.hpp>
#include <sstream>
#include <system_error>
#include <utility>

namespace fetch {

namespace beast = boost::beast;
namespace http = beast::http;

struct MetricsServer::State {
  asio::any_io_executor executor;
  asio::ip::tcp::acceptor acceptor;
  std::shared_ptr<coroexec::JobTimes> times;
  More more;
};

MetricsServer::MetricsServer(asio::any_io_executor executor, std::uint16_t port,
                             std::shared_ptr<coroexec::JobTimes> times, More more)
    : state_(std::make_shared<State>(
          State{executor, asio::ip::tcp::acceptor(executor), std::move(times), std::move(more)})),
      scope_(executor, {.max_workers = 1,
                              .on_error = coroexec::ErrorPolicy::suppress,
                              .threading = coroexec::Threading::single,
                              .name = "metrics"}) {
  const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  auto& acceptor = state_->acceptor;
  boost::system::error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec)
    throw std::system_error(ec.value(), std::generic_category(),
                            "cannot serve metrics on port " + std::to_string(port));
  const auto accept = [state = state_] { return accept_all(state); };
  scope_.submit_nowait({.name = "accept"}, accept);
}

std::string MetricsServer::address() const {
  return "http://127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port()) + "/metrics";
}

// One connection after the other: whoever scrapes does so every few seconds.
asio::awaitable<void> MetricsServer::accept_all(std::shared_ptr<State> state) {
  for (;;) {
    boost::system::error_code ec;
    auto socket = co_await state->acceptor.async_accept(asio::redirect_error(asio::use_awaitable, ec));
    if (ec == asio::error::operation_aborted) co_return;
    if (ec)  // no descriptors, say
      co_await coroexec::sleep_for(std::chrono::seconds(1));
    else
      co_await answer(state, std::move(socket));
  }
}

asio::awaitable<void> MetricsServer::answer(std::shared_ptr<State> state, asio::ip::tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  stream.expires_after(std::chrono::seconds(2));
  beast::flat_buffer buffer(16 * 1024);
  http::request<http::empty_body> request;
  boost::system::error_code ec;
  co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, ec));
  if (ec) co_return;

  http::response<http::string_body> response(http::status::ok, request.version());
  response.keep_alive(false);
  if (request.target() != "/metrics") {
    response.result(http::status::not_found);
    response.body() = "what there is is at /metrics\n";
  } else if (request.method() != http::verb::get) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET");
  } else {
    std::ostringstream text;
    if (state->more) state->more(text);
    coroexec::open_metrics(text, state->executor, state->times.get());
    response.set(http::field::content_type, coroexec::open_metrics_content_type);
    response.body() = text.str();
  }
  response.prepare_payload();
  co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, ec));
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ec);
}

}  // namespace fetch
