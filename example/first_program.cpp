// The README's first program.
// [first]
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <ranges>

using namespace std::chrono_literals;
using boost::asio::awaitable;

awaitable<int> square(int i) {
  co_await coroexec::sleep_for(100ms);                      // any Asio operation goes here
  co_return i * i;
}

awaitable<int> sum_of_squares(int n) {
  auto body = [n](coroexec::CoroutineExecutor& executor) -> awaitable<int> {
    int sum = 0;
    auto squares = executor.map(square, std::views::iota(0, n));
    while (auto value = co_await squares.next()) sum += *value;
    co_return sum;
  };
  co_return co_await coroexec::with_executor({.max_workers = 10}, body);
}

int main() { std::cout << coroexec::run(sum_of_squares(20)) << '\n'; }
// [first]
