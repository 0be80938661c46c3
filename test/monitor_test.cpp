// Monitor: a coroutine that says something in the middle of its work, and is answered.

#include "coroexec/monitor.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using Text = Monitor<std::string, std::string>;

// The message an await throws, or a word that says it threw none.
template <class T>
awaitable<std::string> message_of(awaitable<T> awaiting) {
  try {
    co_await std::move(awaiting);
  } catch (const OOBData<std::string>& message) {
    co_return message.data;
  }
  co_return "no message";
}

awaitable<std::string> helper(Text monitor) {
  auto back = co_await monitor.oob("foo");
  co_await this_task::yield();
  back = co_await monitor.oob(back + "foo");
  co_await this_task::yield();
  co_return back + "foo";
}

// MON-1 MON-2
CORO_TEST_EVERYWHERE(TestMonitor, test_monitor) {
  Text monitor;
  auto coroutine = monitor(helper(monitor));
  const auto first = co_await message_of(monitor.aawait(coroutine));
  EXPECT_EQ(first, "foo");
  const auto second = co_await message_of(monitor.aawait(coroutine, "hoo"));
  EXPECT_EQ(second, "hoofoo");
  const auto result = co_await monitor.aawait(coroutine, "how");
  EXPECT_EQ(result, "howfoo");
}

// The same without an exception a message.
CORO_TEST_EVERYWHERE(TestMonitor, next_gives_messages_and_the_result_as_values) {
  Text monitor;
  auto coroutine = monitor(helper(monitor));
  std::vector<std::string> log;
  auto said = co_await coroutine.next();
  for (int n = 1; said.index() == 0; ++n) {
    log.push_back(std::get<0>(said).data);
    said = co_await monitor.next(coroutine, std::to_string(n));
  }
  log.push_back(std::get<1>(said));
  EXPECT_EQ(log, (std::vector<std::string>{"foo", "1foo", "2foo"}));
}

// MON-3: here the monitor has no type for a message, instead of None.
CORO_TEST(TestMonitor, oob_without_a_message) {
  Monitor<> monitor;
  const auto body = [&]() -> awaitable<void> { co_await monitor.oob(); };
  auto coroutine = monitor(body);
  const auto said = co_await error_of(coroutine.aawait());
  EXPECT_TRUE(is_a<OOBData<void>>(said));
  EXPECT_EQ(what(said), "out-of-band data: the awaited coroutine has not ended");
  co_await coroutine.aawait();
  Monitor<int> with_default;
  const auto says_default = [&]() -> awaitable<void> { co_await with_default.oob(); };
  auto other = with_default(says_default);
  const auto zero = co_await other.start();
  EXPECT_EQ(zero, 0);
}

// MON-4 MON-5: None is an empty optional, or a default value; `await a` is `co_await a()`.
CORO_TEST_EVERYWHERE(TestMonitor, test_monitor_awaitable) {
  using Data = std::optional<std::string>;
  Monitor<std::string, Data> monitor;
  const auto helper = [&]() -> awaitable<std::string> {
    auto back = co_await monitor.oob("foo");
    co_await this_task::yield();
    back = co_await monitor.oob(back.value_or("None") + "foo");
    co_await this_task::yield();
    co_return back.value_or("None") + "foo";
  };
  for (const bool member : {true, false}) {
    auto made_by_member = monitor.awaitable(helper);
    MonitorAwaitable made_directly(monitor, helper);
    auto& a = member ? made_by_member : made_directly;
    const auto first = co_await message_of(a());
    const auto second = co_await message_of(a());
    EXPECT_EQ(first, "foo");
    EXPECT_EQ(second, "Nonefoo");
    const auto result = co_await a();
    EXPECT_EQ(result, "Nonefoo");
  }
  Text strings;
  auto coroutine =
      strings([&]() -> awaitable<std::string> { co_return co_await strings.oob("?"); });
  co_await coroutine.start();
  const auto nothing = co_await coroutine();
  EXPECT_EQ(nothing, "");
}

// MON-6 MON-26
CORO_TEST_EVERYWHERE(TestMonitor, test_throw) {
  Text monitor;
  const auto helper = [&]() -> awaitable<int> {
    const auto error = co_await error_of(monitor.oob("foo"));
    EXPECT_TRUE(says(error, "end of file"));
    co_return 1;
  };
  auto by_value = monitor(helper);
  const auto said = co_await message_of(by_value.aawait());
  EXPECT_EQ(said, "foo");
  const auto one = co_await monitor.athrow(by_value, std::runtime_error("end of file"));
  EXPECT_EQ(one, 1);
  auto by_pointer = monitor(helper);
  co_await by_pointer.start();
  const auto also_one =
      co_await by_pointer.athrow(std::make_exception_ptr(std::runtime_error("end of file")));
  EXPECT_EQ(also_one, 1);
}

struct EndOfFile {};

// MON-26
CORO_TEST(TestMonitor, athrow_takes_a_type) {
  Text monitor;
  const auto helper = [&]() -> awaitable<bool> {
    co_return is_a<EndOfFile>(co_await error_of(monitor.oob("foo")));
  };
  auto coroutine = monitor(helper);
  co_await coroutine.start();
  const bool ended = co_await coroutine.athrow<EndOfFile>();
  EXPECT_TRUE(ended);
}

// MON-7
CORO_TEST(TestMonitor, athrow_gives_the_next_message) {
  Text monitor;
  const auto helper = [&]() -> awaitable<void> {
    co_await error_of(monitor.oob("foo"));
    co_await monitor.oob("handled");
  };
  auto coroutine = monitor(helper);
  co_await coroutine.start();
  const auto said = co_await message_of(coroutine.athrow<EndOfFile>());
  EXPECT_EQ(said, "handled");
}

// MON-8
CORO_TEST(TestMonitor, an_exception_that_is_not_handled_leaves_athrow) {
  Text monitor;
  auto coroutine = monitor(helper(monitor));
  co_await coroutine.start();
  const auto error = co_await error_of(coroutine.athrow(std::runtime_error("end of file")));
  EXPECT_TRUE(says(error, "end of file"));
  const auto again = co_await error_of(coroutine.aawait());
  EXPECT_TRUE(is_error(again, errc::invalid_state, "cannot reuse already awaited coroutine"));
}

// MON-9 TRAP-6
CORO_TEST(TestMonitor, test_throw_new) {
  Text monitor;
  bool ran = false;
  const auto helper = [&]() -> awaitable<void> {
    ran = true;
    co_return;
  };
  auto coroutine = monitor(helper);
  const auto error = co_await error_of(coroutine.athrow(std::runtime_error("end of file")));
  EXPECT_TRUE(says(error, "end of file"));
  EXPECT_FALSE(ran);
  const auto again = co_await error_of(coroutine.aawait());
  EXPECT_TRUE(is_error(again, errc::invalid_state, "cannot reuse already awaited coroutine"));
}

// MON-10 TRAP-6
CORO_TEST(TestMonitor, refuses_data_for_a_coroutine_that_has_not_started) {
  Text monitor;
  auto coroutine = monitor(helper(monitor));
  const auto error = co_await error_of(coroutine.aawait("foo"));
  EXPECT_TRUE(is_error(error, errc::invalid_argument,
                       "can't send non-None value to a just-started coroutine"));
  const auto first = co_await message_of(coroutine.aawait());
  EXPECT_EQ(first, "foo");
  // An empty optional is nothing.
  Monitor<int, std::optional<int>> optional;
  auto other =
      optional([&]() -> awaitable<std::optional<int>> { co_return co_await optional.oob(1); });
  const auto refused = co_await error_of(other.next(3));
  EXPECT_TRUE(is_error(refused, errc::invalid_argument));
  const auto one = co_await other.next(std::nullopt);
  EXPECT_EQ(one.index(), 0u);
  const auto three = co_await other.aawait(3);
  EXPECT_EQ(three, 3);
}

// MON-25 MON-17 TRAP-2: with the break that the original's text has forgotten.
CORO_TEST(TestMonitor, test_readme_example) {
  Text monitor;
  std::vector<std::string> log;
  const auto coro = [](Text m) -> awaitable<std::string> {
    co_await m.oob("hello");
    co_await this_task::yield();
    co_await m.oob("dolly");
    co_return "done";
  };
  auto coroutine = monitor(coro(monitor));
  for (bool over = false; !over;) {
    try {
      log.push_back(co_await monitor.aawait(coroutine));
      over = true;
    } catch (const OOBData<std::string>& message) {
      log.push_back(message.data);
    }
  }
  EXPECT_EQ(log, (std::vector<std::string>{"hello", "dolly", "done"}));
  const auto once_more = co_await error_of(monitor.aawait(coroutine));
  EXPECT_TRUE(is_error(once_more, errc::invalid_state, "cannot reuse already awaited coroutine"));
}

// MON-27 MON-23 TRAP-3: the handle has athrow() itself.
CORO_TEST_EVERYWHERE(TestMonitor, a_line_parser_is_fed_and_told_of_errors) {
  Monitor<void, std::string> monitor;
  std::string buffer;
  const auto read_line = [&]() -> awaitable<std::string> {
    while (buffer.find('\n') == std::string::npos) buffer += co_await monitor.oob();
    const auto end = buffer.find('\n') + 1;
    auto line = buffer.substr(0, end);
    buffer.erase(0, end);
    co_return line;
  };
  auto parser = monitor(read_line);
  co_await parser.start();
  const auto not_yet = co_await parser.try_await("a li");
  EXPECT_EQ(not_yet, std::nullopt);
  const auto line = co_await parser.try_await("ne\nand more");
  EXPECT_EQ(line, "a line\n");
  auto next = monitor(read_line);
  co_await next.start();
  const auto error = co_await error_of(next.athrow(std::runtime_error("connection reset")));
  EXPECT_TRUE(says(error, "connection reset"));
  EXPECT_EQ(buffer, "and more");
}

CORO_TEST(TestMonitor, test_monitor_start) {
  Text monitor;
  auto coroutine = monitor(helper(monitor));
  const auto first = co_await monitor.start(coroutine);
  EXPECT_EQ(first, "foo");
  auto silent = monitor([]() -> awaitable<int> { co_return 1; });
  const auto error = co_await error_of(silent.start());
  EXPECT_TRUE(
      is_error(error, errc::invalid_state, "start(): the coroutine ended without a message"));
}

CORO_TEST(TestMonitor, test_monitor_try_await) {
  Text monitor;
  auto coroutine = monitor(helper(monitor));
  const auto first = co_await monitor.try_await(coroutine);
  const auto second = co_await coroutine.try_await("a");
  const auto result = co_await coroutine.try_await("b");
  EXPECT_EQ(first, std::nullopt);
  EXPECT_EQ(second, std::nullopt);
  EXPECT_EQ(result, "bfoo");
}

// Messages, answers and results that can only be moved, or that have no default.
CORO_TEST_EVERYWHERE(TestMonitor, moves_what_it_carries) {
  Monitor<MoveOnly, MoveOnly> monitor;
  const auto helper = [&]() -> awaitable<MoveOnly> {
    auto answer = co_await monitor.oob(MoveOnly(1));
    co_return MoveOnly(answer.value() + 1);
  };
  auto coroutine = monitor(helper);
  const auto one = co_await coroutine.start();
  EXPECT_EQ(one.value(), 1);
  const auto result = co_await coroutine.aawait(MoveOnly(10));
  EXPECT_EQ(result.value(), 11);
}

}  // namespace
}  // namespace coroexec::test
