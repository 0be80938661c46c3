// A value that follows a request through every task it starts: for log lines, without passing it on.
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <string>

using boost::asio::awaitable;
using coroexec::CoroutineExecutor;

// [context]
static coroexec::ContextVar<std::string> request_id("request_id", "-");

static void log(const std::string& text) { std::cout << '[' << request_id.get() << "] " << text << '\n'; }

static awaitable<void> query(std::string what) {
  co_await coroexec::this_task::yield();
  log("queried " + what);
}

static awaitable<void> handle(std::string id) {
  request_id.set(id);                             // for this task and all it starts from now on
  auto body = [](CoroutineExecutor& scope) -> awaitable<void> {
    co_await scope.submit(query, "users");
    co_await scope.submit(query, "orders");
  };
  co_await coroexec::with_executor(body);
  log("handled");
}
// [context]

static awaitable<void> serve() {
  auto first = coroexec::eager(handle("first"));
  auto second = coroexec::eager(handle("second"));
  co_await first.get();
  co_await second.get();
  log("served");
}

int main() { coroexec::run(serve()); }
