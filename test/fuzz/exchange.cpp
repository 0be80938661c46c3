// Whole fetches from a server on loopback that answers with the input: each ends in one result of a
// known kind.
//
// The input is what the server sends, an answer a request, separated by the byte 1e. The first byte
// of an answer says what follows it: c closes the connection, r resets it; else the server waits
// for the next request, and when nothing moves any more the job is cancelled, as by its deadline.
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "coroexec/coroexec.hpp"
#include "fetcher.hpp"
#include "fuzz.hpp"

namespace coroexec::fuzz {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class Server {
 public:
  Server(asio::io_context& context, Bytes answers)
      : acceptor_(context, {asio::ip::address_v4::loopback(), 0}), answers_(answers) {
    asio::co_spawn(context, accept_all(), asio::detached);
  }

  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
  }

 private:
  asio::awaitable<void> accept_all() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    std::string request;
    try {
      while (!answers_.empty()) {
        const auto size = co_await asio::async_read_until(socket, asio::dynamic_buffer(request),
                                                          "\r\n\r\n", asio::use_awaitable);
        request.erase(0, size);
        std::string answer(answers_.until('\x1e'));
        const char then = answer.empty() ? 'c' : answer.front();
        if (!answer.empty()) answer.erase(0, 1);
        co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
        if (then == 'r') socket.set_option(asio::socket_base::linger(true, 0));
        if (then == 'r' || then == 'c') co_return;
      }
      // Until the client goes.
      co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n",
                                      asio::use_awaitable);
    } catch (const boost::system::system_error&) {
    }
  }

  tcp::acceptor acceptor_;
  Reader answers_;
};

void check(const fetch::Result& result, std::uint64_t line, const fetch::Options& options,
           bool stopped) {
  require(result.line == line, "the result of another line");
  require(result.bytes <= options.max_body, "a body beyond its limit");
  require(result.attempts >= 1 && result.attempts <= 1 + options.retries + options.max_redirects,
          "so many attempts");
  require(fetch::to_json_line(result).ends_with("}\n"), "a result that is no line");
  if (!result.failure)
    return require(result.status >= 200 && result.status < 400, "well, with a status that is not");
  using enum fetch::ErrorKind;
  switch (result.failure->kind) {
    case connect:
    case disconnected:
    case protocol:
    case header_too_large:
    case body_too_large:
    case decode: return;
    case redirect:
      return require(result.status >= 300 && result.status < 400, "a redirect with another status");
    case http_status: return require(result.status >= 400, "a failure with a status that is none");
    case timeout: return require(stopped, "a deadline that had not come");
    default: throw std::logic_error("an error of another kind: " + result.failure->message);
  }
}

void run(Bytes bytes) {
  asio::io_context context(1);
  Server server(context, bytes);
  fetch::Options options;
  options.concurrency = 2;
  options.insecure = true;  // reading the system's certificates takes longer than the rest
  options.retries = 1;
  options.retry_delay = {};
  options.max_redirects = 0;  // they may lead anywhere
  options.max_body = 10'000;
  options.timeout = std::chrono::milliseconds(500);  // so that a Retry-After is not waited for
  fetch::Fetcher fetcher(context.get_executor(), options);
  AioPool pool(context.get_executor(), options.concurrency);

  // One after the other: the second may find the connection of the first.
  for (std::uint64_t line = 1; line <= 2; ++line) {
    const std::string text = server.url() + std::to_string(line);
    fetch::Request request{
        .line = line, .text = text, .url = fetch::parse_url(text), .problem = {}};
    const auto fetch = [&] { return fetcher.fetch(request); };
    const auto task = pool.spawn_n(fetch);
    bool cancelled = false;
    // What is sent on loopback is there at once, so that nothing moves when nothing is ready.
    while (!task.done()) {
      if (context.poll() != 0 || task.done()) continue;
      require(!cancelled, "a fetch goes on after its cancel");
      cancelled = task.cancel();
    }
    require(task.state() == TaskState::succeeded, "a fetch without a result");
    check(task.result(), line, options, cancelled);
  }
}

const Target target("exchange", run);

}  // namespace
}  // namespace coroexec::fuzz
