// A reverse HTTP proxy on Boost.Beast whose requests to the server behind it go through a pool: so
// many at once, so many waiting, the others are refused with 503. Connections to the server are
// kept for the next request. Requests and responses are held in memory and limited in size; a
// server that fails is 502, one that is late 504.
//
//   python3 -m http.server 8000 &
//   example_http_proxy 127.0.0.1 8000 7000 &       # host, port[, own port, 0: any[, seconds for a request]]
//   curl -i http://127.0.0.1:7000/ && wrk -c 100 -d 5s http://127.0.0.1:7000/
#include <algorithm>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using boost::system::system_error;
using coroexec::CoroutineExecutor;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

static constexpr std::size_t max_connections = 1000;
static constexpr std::size_t max_at_server = 8;  // requests at once
static constexpr std::size_t max_waiting = 200;  // for a place there
static constexpr std::size_t max_request = 1 << 20, max_response = 8 << 20;
static constexpr auto max_idle = 30s;  // for a client to send a request or take a response

// Shared by the jobs: at a second signal they may be destroyed after the coroutine that started them.
struct Proxy {
  coroexec::AioPool pool;
  tcp::resolver::results_type server;
  std::chrono::nanoseconds patience;         // with the server, from when a request has its place
  std::vector<beast::tcp_stream> kept = {};  // connections to it that nobody uses now
  std::set<beast::tcp_stream*> clients = {};
  bool stopping = false;
  std::size_t forwarded = 0, at_server = 0, most_at_server = 0;
};

static Response error_response(http::status status) {
  Response response(status, 11);
  response.body() = std::to_string(static_cast<unsigned>(status)) + ' ' +
                    std::string(http::obsolete_reason(status)) + '\n';
  response.prepare_payload();
  return response;
}

// Leaves out what concerns one connection only, and not the message.
template <class Message>
static void remove_connection_fields(Message& message) {
  std::vector<std::string> named;
  for (const auto name : http::token_list(message[http::field::connection]))
    named.emplace_back(name);
  for (const auto& name : named) message.erase(name);
  using enum http::field;
  for (const auto field :
       {connection, keep_alive, proxy_connection, te, trailer, transfer_encoding, upgrade, expect})
    message.erase(field);
}

static awaitable<Response> exchange(beast::tcp_stream& stream, const Request& request,
                                    bool& answered) {
  co_await http::async_write(stream, request, use_awaitable);
  beast::flat_buffer buffer;
  while (true) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(max_response);
    parser.skip(request.method() == http::verb::head);
    co_await http::async_read_header(stream, buffer, parser, use_awaitable);
    answered = true;
    co_await http::async_read(stream, buffer, parser, use_awaitable);
    if (parser.get().result_int() / 100 != 1) co_return parser.release();
  }
}

// The pool's job. A connection that was kept may have been closed by the server: then once more on another.
static awaitable<Response> forward(std::shared_ptr<Proxy> proxy, const Request& request) {
  proxy->most_at_server = std::max(proxy->most_at_server, ++proxy->at_server);
  const auto leave = [](Proxy* left) { --left->at_server; };
  const std::unique_ptr<Proxy, decltype(leave)> counted(proxy.get(), leave);
  const bool repeatable =
      request.method() == http::verb::get || request.method() == http::verb::head;
  while (true) {
    const bool kept = repeatable && !proxy->kept.empty();
    std::optional<beast::tcp_stream> stream;
    if (kept) {
      stream.emplace(std::move(proxy->kept.back()));
      proxy->kept.pop_back();
    } else {
      // Not the job's own executor: it outlives the job.
      stream.emplace(proxy->pool.get_executor());
      co_await stream->async_connect(proxy->server, use_awaitable);
    }
    bool answered = false;
    auto response = co_await coroexec::as_outcome(exchange(*stream, request, answered));
    // After a cancel the next co_await throws.
    if (!response && kept && !answered) continue;
    if (response && response->keep_alive()) proxy->kept.push_back(std::move(*stream));
    co_return std::move(response).value();
  }
}

static awaitable<Response> respond(std::shared_ptr<Proxy> proxy, const Request& request) {
  if (proxy->pool.waiting() >= max_waiting)
    co_return error_response(http::status::service_unavailable);
  auto job = [&] { return forward(proxy, request); };
  try {
    Response response = co_await proxy->pool.exec({.timeout = proxy->patience}, job);
    ++proxy->forwarded;
    co_return response;
  } catch (const system_error& error) {
    std::cerr << request.target() << ": " << error.code().message() << std::endl;
    const bool late = error.code() == coroexec::errc::timed_out;
    co_return error_response(late ? http::status::gateway_timeout : http::status::bad_gateway);
  }
}

// Gives the request, or the status with which it is refused; throws if the client has gone.
static awaitable<http::status> read_request(beast::tcp_stream& client, beast::flat_buffer& buffer,
                                            Request& request) {
  http::request_parser<http::string_body> parser;
  parser.body_limit(max_request);
  client.expires_after(max_idle);
  boost::system::error_code error;
  co_await http::async_read_header(client, buffer, parser,
                                   asio::redirect_error(use_awaitable, error));
  if (!error && beast::iequals(parser.get()[http::field::expect], "100-continue"))
    co_await http::async_write(
        client, http::response<http::empty_body>(http::status::continue_, 11), use_awaitable);
  if (!error)
    co_await http::async_read(client, buffer, parser, asio::redirect_error(use_awaitable, error));
  if (!error) request = parser.release();
  if (!error) co_return http::status::ok;
  if (error == http::error::body_limit) co_return http::status::payload_too_large;
  if (error == http::error::header_limit) co_return http::status::request_header_fields_too_large;
  const bool gone = error == http::error::end_of_stream || error == http::error::partial_message;
  if (gone || error.category() != make_error_code(http::error::bad_method).category())
    throw system_error(error);
  co_return http::status::bad_request;
}

static awaitable<void> serve_requests(std::shared_ptr<Proxy> proxy, beast::tcp_stream& client) {
  beast::flat_buffer buffer;
  for (bool more = true; more;) {
    Request request;
    const auto status = co_await read_request(client, buffer, request);
    more = status == http::status::ok && request.keep_alive();
    Response response = error_response(status);
    if (status == http::status::ok) {
      remove_connection_fields(request);
      request.version(11);
      request.prepare_payload();  // one length, however it was told
      response = co_await respond(proxy, request);
      remove_connection_fields(response);
      const bool no_body = request.method() == http::verb::head ||
                           response.result() == http::status::no_content ||
                           response.result() == http::status::not_modified;
      if (!no_body) response.content_length(response.body().size());
    }
    more = more && !proxy->stopping;
    response.version(11);
    response.keep_alive(more);
    client.expires_after(max_idle);
    co_await http::async_write(client, response, use_awaitable);
  }
  client.socket().shutdown(tcp::socket::shutdown_send);
  // If it were closed with data unread the last response would be lost.
  client.expires_after(1s);
  for (char bytes[4096];;) co_await client.async_read_some(asio::buffer(bytes), use_awaitable);
}

static awaitable<void> serve(std::shared_ptr<Proxy> proxy, tcp::socket socket) {
  beast::tcp_stream client(std::move(socket));
  proxy->clients.insert(&client);
  const auto leave = [&](beast::tcp_stream* gone) { proxy->clients.erase(gone); };
  const std::unique_ptr<beast::tcp_stream, decltype(leave)> entered(&client, leave);
  // Its error is this connection's own: the scope suppresses it.
  co_await serve_requests(proxy, client);
}

static awaitable<void> accept_all(std::shared_ptr<Proxy> proxy, tcp::acceptor& acceptor,
                                  CoroutineExecutor& connections) {
  while (true) {
    boost::system::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(use_awaitable, error));
    // Waits while there are too many.
    if (!error) co_await connections.submit(serve, proxy, std::move(socket));
    if (error == asio::error::operation_aborted) co_return;
    if (!error || error == asio::error::connection_aborted) continue;
    // No descriptors, no memory: it passes.
    std::cerr << "accept: " << error.message() << std::endl;
    co_await coroexec::sleep_for(100ms);
  }
}

static awaitable<void> run_proxy(std::string host, std::string port, unsigned short own_port,
                                 std::chrono::nanoseconds patience) {
  const auto executor = co_await asio::this_coro::executor;
  auto server = co_await tcp::resolver(executor).async_resolve(host, port, use_awaitable);
  std::shared_ptr<Proxy> proxy(
      new Proxy{coroexec::AioPool(executor, max_at_server), std::move(server), patience});
  tcp::acceptor acceptor(executor, {tcp::v4(), own_port});
  // Not with_executor: the signal cancels this coroutine, and would them with it.
  CoroutineExecutor connections(
      executor, {.max_workers = max_connections, .suppress_task_errors = true, .backlog = 0});
  std::cout << "listening on port " << acceptor.local_endpoint().port() << std::endl;
  co_await coroexec::as_outcome(accept_all(proxy, acceptor, connections));

  co_await coroexec::this_task::uncancel();  // after SIGTERM or Ctrl-C
  acceptor.close();
  std::cout << "draining" << std::endl;
  proxy->stopping = true;
  boost::system::error_code ignored;
  for (auto* client : proxy->clients)
    client->socket().shutdown(tcp::socket::shutdown_receive, ignored);
  const auto drained = co_await coroexec::as_outcome(connections.join(patience));
  // Cancels, and waits for the end.
  if (!drained) co_await coroexec::as_outcome(connections.shutdown(false));
  std::cout << (drained ? "drained" : "cut off") << ": " << proxy->forwarded
            << " requests, at most " << proxy->most_at_server << " at the server" << std::endl;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: example_http_proxy HOST PORT [OWN-PORT [SECONDS]]\n";
    return 2;
  }
  const std::chrono::milliseconds patience(
      static_cast<int>(1000 * (argc > 4 ? std::atof(argv[4]) : 10)));
  try {
    coroexec::run(run_proxy(argv[1], argv[2],
                            static_cast<unsigned short>(argc > 3 ? std::atoi(argv[3]) : 0),
                            patience));
    return 0;
  } catch (const std::exception& error) {  // the port is taken, a second signal
    std::cerr << error.what() << '\n';
    return 1;
  }
}
