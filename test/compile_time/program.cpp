// A small program of Asio's; check.py compiles it with Asio's header, with the library's and what it uses
// of Asio's, and with both.
#ifdef WITH_ASIO
#include <boost/asio.hpp>
#endif
#ifdef WITH_COROEXEC
#include <coroexec/coroexec.hpp>
#endif
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

namespace asio = boost::asio;

static asio::awaitable<std::size_t> fetch(std::string url) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
  co_await timer.async_wait(asio::use_awaitable);
  co_return url.size();
}

int main() {
  asio::io_context context;
  for (const std::string url : {"a", "b"}) asio::co_spawn(context, fetch(url), asio::detached);
  context.run();
}
