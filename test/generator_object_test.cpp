// GeneratorObject: elements from anywhere below the body, and something sent back. The original's tests
// run against its native generators as well; here those that both kinds have run against generate().

#include "coroexec/generator_object.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using Numbers = GeneratorObject<int, int>;

struct EndOfFile : std::runtime_error {
  EndOfFile() : std::runtime_error("end of file") {}
};

// 11, 12, 13, 21, 22, 23, half of them from a helper of a helper.
template <class Yields>
awaitable<void> triple(Yields yields, int from) {
  for (int n = 1; n <= 3; ++n) {
    co_await this_task::yield();
    co_await yields(from + n);
    co_await asio::post(asio::use_awaitable);
  }
}
template <class Yields>
awaitable<void> two_triples(Yields yields) {
  co_await triple(yields, 10);
  const auto nested = [&]() -> awaitable<void> { co_await triple(yields, 20); };
  co_await nested();
}

template <class Source>
awaitable<std::vector<int>> all_of(Source source) {
  std::vector<int> elements;
  while (auto element = co_await source.next()) elements.push_back(*element);
  co_return elements;
}

// Echoes what it is sent: 11, then 12 and 13 plus that.
awaitable<void> echo(Numbers g) {
  const auto first = co_await g.ayield(11);
  const auto second = co_await g.ayield(12 + first.value_or(0));
  co_await g.ayield(13 + second.value_or(0));
}

// GEN-1
CORO_TEST(TestGenerator, test_generator_none) {
  bool ran = false;
  const auto body = [&]() -> awaitable<void> {
    ran = true;
    co_return;
  };
  {
    Numbers g;
    auto iterator = g(body);
  }
  {
    const auto with_yield = [&](Yield<int>) { return body(); };
    auto stream = generate<int>(with_yield);
  }
  for (int n = 0; n < 3; ++n) co_await this_task::yield();
  EXPECT_FALSE(ran);
}

// GEN-2 GEN-31
CORO_TEST_EVERYWHERE(TestGenerator, test_generator_iter) {
  const std::vector<int> expected = {11, 12, 13, 21, 22, 23};
  GeneratorObject<int> g;
  const auto yields = [g](int n) { return g.ayield(n); };
  const auto elements = co_await all_of(g(two_triples(yields)));
  EXPECT_EQ(elements, expected);
  const auto native = co_await all_of(generate<int>(two_triples<Yield<int>>));
  EXPECT_EQ(native, expected);
}

// GEN-3
CORO_TEST(TestGenerator, test_generator_no_firstiter) {
  Numbers g;
  const auto body = []() -> awaitable<void> { co_return; };
  auto iterator = g(body);
  const auto none = co_await iterator.next();
  EXPECT_EQ(none, std::nullopt);
}

// GEN-4
CORO_TEST_EVERYWHERE(TestGenerator, test_generator_send) {
  Numbers g;
  auto iterator = g(echo(g));
  const auto first = co_await iterator.asend(std::nullopt);
  const auto second = co_await iterator.asend(0);
  const auto third = co_await iterator.asend(100);
  const auto end = co_await iterator.next();
  EXPECT_EQ(first, 11);
  EXPECT_EQ(second, 12);
  EXPECT_EQ(third, 113);
  EXPECT_EQ(end, std::nullopt);
}

// GEN-5
CORO_TEST(TestGenerator, test_send_to_new) {
  Numbers g;
  auto iterator = g(echo(g));
  const auto error = co_await error_of(iterator.asend(7));
  EXPECT_TRUE(is_error(error, errc::invalid_argument,
                       "can't send non-None value to a just-started coroutine"));
  const auto first = co_await iterator.next();
  EXPECT_EQ(first, 11);
}

awaitable<void> check_exhausted(GeneratorObjectIterator<int, int>& iterator) {
  for (int n = 0; n < 2; ++n) {
    const auto sent = co_await iterator.asend(std::nullopt);
    EXPECT_EQ(sent, std::nullopt);
    const auto next = co_await iterator.next();
    EXPECT_EQ(next, std::nullopt);
    const auto error = co_await error_of(iterator.anext());
    EXPECT_TRUE(is_a<StopAsyncIteration>(error));
    EXPECT_TRUE(says(error, "StopAsyncIteration"));
    const auto thrown = co_await iterator.athrow(EndOfFile());
    EXPECT_EQ(thrown, std::nullopt);
  }
}

// GEN-6 GEN-7
CORO_TEST(TestGenerator, test_send_exhausted) {
  Numbers g;
  auto iterator = g(echo(g));
  for (int n = 0; n < 3; ++n) {
    const int element = co_await iterator.anext();
    EXPECT_EQ(element, 11 + n);
  }
  co_await check_exhausted(iterator);
}

// GEN-8
CORO_TEST(TestGenerator, test_throw) {
  Numbers g;
  auto iterator = g(echo(g));
  const auto error = co_await error_of(iterator.athrow(EndOfFile()));
  EXPECT_TRUE(is_a<EndOfFile>(error));
  co_await check_exhausted(iterator);
}

// GEN-9
CORO_TEST(TestGenerator, test_throw_live) {
  Numbers g;
  auto iterator = g(echo(g));
  co_await iterator.next();
  const auto error = co_await error_of(iterator.athrow(EndOfFile()));
  EXPECT_TRUE(is_a<EndOfFile>(error));
  co_await check_exhausted(iterator);
}

// GEN-10
CORO_TEST_EVERYWHERE(TestGenerator, test_throw_catch1) {
  Numbers g;
  const auto body = [&]() -> awaitable<void> {
    const auto error = co_await error_of(g.ayield(1));
    EXPECT_TRUE(is_a<EndOfFile>(error));
    co_await g.ayield(2);
    co_await g.ayield(3);
  };
  auto iterator = g(body);
  co_await iterator.next();
  const auto two = co_await iterator.athrow(EndOfFile());
  EXPECT_EQ(two, 2);
  const auto three = co_await iterator.next();
  EXPECT_EQ(three, 3);
}

// GEN-11: the end is nullopt, here too.
CORO_TEST(TestGenerator, test_throw_catch2) {
  Numbers g;
  const auto body = [&]() -> awaitable<void> { co_await error_of(g.ayield(1)); };
  auto iterator = g(body);
  co_await iterator.next();
  const auto end = co_await iterator.athrow(EndOfFile());
  EXPECT_EQ(end, std::nullopt);
  co_await check_exhausted(iterator);
}

// GEN-12
CORO_TEST(TestGenerator, test_fail) {
  Numbers g;
  const auto body = [&]() -> awaitable<void> {
    co_await g.ayield(1);
    throw EndOfFile();
  };
  auto iterator = g(body);
  const auto one = co_await iterator.next();
  EXPECT_EQ(one, 1);
  const auto error = co_await error_of(iterator.next());
  EXPECT_TRUE(is_a<EndOfFile>(error));
  co_await check_exhausted(iterator);
}

awaitable<void> stop(GeneratorObject<int> g, bool before) {
  if (!before) co_await error_of(g.ayield(1));
  throw StopAsyncIteration();
}

// GEN-23 GEN-24 GEN-25: StopIteration has no counterpart.
CORO_TEST_EVERYWHERE(TestGenerator, test_pep_479) {
  const auto check = [](std::exception_ptr error) {
    EXPECT_TRUE(is_error(error, errc::invalid_state, "async generator raised StopAsyncIteration"));
    try {
      std::rethrow_exception(error);
    } catch (const std::nested_exception& nested) {
      EXPECT_TRUE(is_a<StopAsyncIteration>(nested.nested_ptr()));
    } catch (...) {
      ADD_FAILURE() << "no cause";
    }
  };
  GeneratorObject<int> g;
  auto nexted = g(stop(g, true));
  check(co_await error_of(nexted.next()));
  auto thrown = g(stop(g, false));
  co_await thrown.next();
  check(co_await error_of(thrown.athrow(EndOfFile())));
  auto closed = g(stop(g, false));
  co_await closed.next();
  check(co_await error_of(closed.aclose()));
}

// GEN-26 GEN-27 GEN-28 GEN-30
CORO_TEST_EVERYWHERE(TestGenerator, test_issue_74956) {
  Numbers g;
  Event inside(home), go(home);
  const auto body = [&]() -> awaitable<void> {
    inside.set();
    co_await go.wait();
    co_await g.ayield(1);
  };
  auto iterator = g(body);
  EXPECT_FALSE(iterator.running());
  AioPool pool(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
  const auto read = [&]() -> awaitable<std::optional<int>> {
    co_return co_await iterator.asend(std::nullopt);
  };
  auto reader = pool.spawn_n(read);
  co_await inside.wait();
  EXPECT_TRUE(iterator.running());
  const auto check = [](std::exception_ptr error, std::string call) {
    EXPECT_TRUE(is_error(error, errc::invalid_state,
                         call + "(): asynchronous generator is already running"));
  };
  check(co_await error_of(iterator.asend(std::nullopt)), "asend");
  check(co_await error_of(iterator.athrow(EndOfFile())), "athrow");
  check(co_await error_of(iterator.aclose()), "aclose");
  check(co_await error_of(iterator.next()), "anext");
  go.set();
  const auto one = co_await reader.get();
  EXPECT_EQ(one, 1);
  EXPECT_FALSE(iterator.running());
  const auto end = co_await iterator.next();
  EXPECT_EQ(end, std::nullopt);
  EXPECT_FALSE(iterator.running());
}

}  // namespace
}  // namespace coroexec::test
