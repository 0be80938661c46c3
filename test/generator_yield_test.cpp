// Who may yield into a GeneratorObject, and who may not.

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/generator_object.hpp"
#include "coroexec/this_task.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using Numbers = GeneratorObject<int>;

template <class T>
awaitable<std::vector<T>> collect(AsyncGenerator<T> stream) {
  co_return co_await std::move(stream).collect();
}

// GEN-29
CORO_TEST(TestGenerator, its_own_body_cannot_read_it) {
  Numbers g;
  std::exception_ptr seen;
  std::optional<Numbers::Iterator> iterator;
  const auto body = [&]() -> awaitable<void> {
    seen = co_await error_of(iterator->next());
    co_await g.ayield(1);
  };
  iterator.emplace(g(body));
  const auto one = co_await iterator->next();
  EXPECT_EQ(one, 1);
  EXPECT_TRUE(
      is_error(seen, errc::invalid_state, "anext(): asynchronous generator is already running"));
}

// GEN-32 TRAP-1: documented by the original, which cannot do it.
CORO_TEST_EVERYWHERE(TestGenerator, test_readme_example_a_task_yields) {
  AioPool pool(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
  const auto helper = [](GeneratorObject<int> g) -> awaitable<void> { co_await g.ayield(2); };
  const auto body = [&](GeneratorObject<int> g) -> awaitable<void> {
    co_await g.ayield(1);
    auto task = pool.spawn_n([&] { return helper(g); });
    co_await task.get();
  };
  GeneratorObject<int> g;
  const auto elements = co_await collect<int>(g(body(g)));
  EXPECT_EQ(elements, (std::vector{1, 2}));
}

// GEN-33
CORO_TEST(TestGenerator, ayield_while_nobody_reads) {
  Numbers g;
  const auto error = co_await error_of(g.ayield(1));
  EXPECT_TRUE(is_error(error, errc::invalid_state, "Monitor not active"));
}

// GEN-34
CORO_TEST(TestGenerator, ignores_what_its_body_returns) {
  GeneratorObject<int> g;
  const auto body = [&]() -> awaitable<std::string> {
    co_await g.ayield(1);
    co_return "not an element";
  };
  const auto elements = co_await collect<int>(g(body));
  EXPECT_EQ(elements, std::vector{1});
}

// GEN-35
CORO_TEST_EVERYWHERE(TestGenerator, nests) {
  GeneratorObject<std::string> outer;
  GeneratorObject<int> inner;
  const auto inner_body = [&]() -> awaitable<void> {
    co_await inner.ayield(1);
    co_await outer.ayield("outer direct");
    co_await inner.ayield(2);
  };
  const auto outer_body = [&]() -> awaitable<void> {
    auto numbers = inner(inner_body);
    while (auto number = co_await numbers.next())
      co_await outer.ayield("via " + std::to_string(*number));
  };
  std::vector<std::string> log;
  auto iterator = outer(outer_body);
  while (auto text = co_await iterator.next()) log.push_back(*text);
  EXPECT_EQ(log, (std::vector<std::string>{"via 1", "outer direct", "via 2"}));
}

}  // namespace
}  // namespace coroexec::test
