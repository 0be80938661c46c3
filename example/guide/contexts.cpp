// Values that follow a task and all it starts.
#include <boost/asio.hpp>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <string>

namespace asio = boost::asio;
using asio::awaitable;
using coroexec::ContextVar;
using coroexec::CoroutineExecutor;

// [var]
static ContextVar<std::string> request_id("request_id", "-");

static void log(const std::string& text) { std::cout << '[' << request_id.get() << "] " << text << '\n'; }

static awaitable<void> query(std::string what) {
  co_await coroexec::this_task::yield();
  log("queried " + what);                                    // nobody has passed the id on
}

static awaitable<void> handle(std::string id) {
  request_id.set(id);                                        // for this job and all it starts from now on
  auto body = [](CoroutineExecutor& scope) -> awaitable<void> {
    co_await scope.submit(query, "users");
    co_await scope.submit(query, "orders");
  };
  co_await coroexec::with_executor(body);
}
// [var]

static awaitable<void> set_it(std::string id) {
  request_id.set(id);
  log("inside");
  co_return;
}

static awaitable<void> own_example() {
  // [own]
  co_await coroexec::coro_await(set_it("inner"), coroexec::copy_context());   // what it sets stays in there
  log("outside");
  co_await set_it("shared");                                 // a plain co_await is the same job: it stays set
  log("outside");
  // [own]
}

static awaitable<void> reset_example() {
  // [reset]
  auto token = request_id.set("for a moment");
  log("before");
  request_id.reset(token);                                   // what was there before is there again
  log("after");
  // [reset]
  co_return;
}

static awaitable<void> spawn_example() {
  auto executor = co_await asio::this_coro::executor;
  // [spawn]
  request_id.set("spawned");
  auto done = asio::co_spawn(coroexec::with_context(executor), query("by co_spawn"), asio::deferred);
  co_await std::move(done)(asio::use_awaitable);
  // [spawn]
}

static awaitable<void> all() {
  auto body = [](CoroutineExecutor& scope) -> awaitable<void> {
    co_await scope.submit(handle, "4711");
    co_await scope.submit(own_example);
    co_await scope.submit(reset_example);
    co_await scope.submit(spawn_example);
  };
  co_await coroexec::with_executor({.max_workers = 1}, body);
  log("the end");
}

int main() { coroexec::run(all()); }
