// A tree of tasks that is entered depth first: each task runs up to its first wait before the next one
// is even made, as if the calls were plain function calls.
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <string>

using boost::asio::awaitable;

static awaitable<void> visit(std::string node, int depth) {
  std::cout << node << (depth == 0 ? " waits\n" : " begins\n");
  if (depth == 0) {
    co_await coroexec::this_task::yield();
  } else {
    auto left = coroexec::eager(visit(node + ".0", depth - 1));
    auto right = coroexec::eager(visit(node + ".1", depth - 1));
    std::cout << node << " has begun all\n";
    co_await left.get();
    co_await right.get();
  }
  std::cout << node << " ends\n";
}

int main() { coroexec::run(visit("0", 2)); }
