// A small program of Asio's; check.py compiles it with the library's header and without.
#include <boost/asio.hpp>
#ifdef WITH_COROEXEC
#include <coroexec/coroexec.hpp>
#endif
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
