// What the README's "before" shows: bounded concurrency written by hand with Asio. It waits for room
// and for the end, and loses every error.
#include <boost/asio.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;

static awaitable<std::size_t> fetch(std::string url) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
  co_await timer.async_wait(use_awaitable);
  co_return url.size();
}

// [before]
awaitable<void> fetch_all(std::vector<std::string> urls) {
  auto executor = co_await asio::this_coro::executor;
  using channel = asio::experimental::channel<void(boost::system::error_code)>;
  channel slots(executor, 100), ended(executor, urls.size());
  for (auto& url : urls) {
    co_await slots.async_send({}, use_awaitable);           // wait for a slot
    asio::co_spawn(executor, fetch(url), [&](std::exception_ptr error, std::size_t size) {
      if (!error) std::cout << size << '\n';                // and if there is one? the others run on,
      slots.try_receive([](auto...) {});                    // nobody is told, nothing is cancelled
      ended.try_send(boost::system::error_code{});
    });
  }
  for (std::size_t i = 0; i < urls.size(); ++i)             // cancelled here, the jobs still refer to
    co_await ended.async_receive(use_awaitable);            // slots and ended: a crash
}
// [before]

int main() {
  asio::io_context context;
  asio::co_spawn(context, fetch_all({"a", "bb", "ccc"}), asio::detached);
  context.run();
}
