// A generator whose second element comes from a task that its body has started; and one that is read
// without an event loop.
#include <coroexec/coroexec.hpp>
#include <iostream>

using boost::asio::awaitable;
using coroexec::AioPool;
using coroexec::GeneratorObject;

static awaitable<void> helper(GeneratorObject<int> generator) { co_await generator.ayield(2); }

static awaitable<void> body(GeneratorObject<int> generator, AioPool& pool) {
  co_await generator.ayield(1);
  auto task = pool.spawn_n([&] { return helper(generator); });
  co_await task.get();
}

static awaitable<void> print_all() {
  auto read = [](AioPool& pool) -> awaitable<void> {
    GeneratorObject<int> generator;
    auto numbers = generator(body(generator, pool));
    while (auto number = co_await numbers.next()) std::cout << *number << ' ';
    std::cout << '\n';
  };
  co_await coroexec::with_pool(1, read);
}

int main() {
  coroexec::run(print_all());

  GeneratorObject<int> generator;
  auto squares = [&]() -> awaitable<void> {
    for (int n = 1; n <= 4; ++n) co_await generator.ayield(n * n);
  };
  for (int square : coroexec::aiter_sync(generator(squares))) std::cout << square << ' ';
  std::cout << '\n';
}
