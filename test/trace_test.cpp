// ChromeTrace: JSON with one track a worker and flows from submitter to job.
#include "coroexec/trace.hpp"

#include <gtest/gtest.h>

#include <boost/json/src.hpp>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"

namespace coroexec::test {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

std::vector<json::object> events_of(const std::string& text, std::string_view phase) {
  std::vector<json::object> found;
  const json::value all = json::parse(text);
  for (auto& event : all.as_array())
    if (event.at("ph").as_string() == phase) found.push_back(event.as_object());
  return found;
}

const json::object& named(const std::vector<json::object>& events, std::string_view name) {
  for (auto& event : events)
    if (event.at("name").as_string() == name) return event;
  ADD_FAILURE() << "no event is named " << name;
  throw Abandoned();
}

double number(const json::object& event, const char* field) { return event.at(field).to_number<double>(); }

CORO_TEST_VIRTUAL(ChromeTrace, has_bars_on_workers_and_flows_from_who_submitted) {
  std::ostringstream out;
  const auto trace = std::make_shared<ChromeTrace>(out);
  observe(home, trace);
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto job = [&trace](int n) -> awaitable<void> {
      const auto began = now();
      co_await sleep_for(seconds(n));
      trace->add("inside", began, now(), {{"n", std::int64_t{n}}, {"text", "a\"b"}});
    };
    co_await executor.submit({.name = "one"}, job, 1);
    co_await executor.submit({.name = "two"}, job, 2);
    executor.submit_nowait({.name = "never"}, job, 3).cancel();
    co_await executor.join();
  };
  auto ignored = options({.max_workers = 1, .on_error = ErrorPolicy::suppress, .name = "scope"});
  co_await with_executor(ignored, body);
  trace->close();

  const auto bars = events_of(out.str(), "X");
  for (auto& bar : bars) EXPECT_GE(number(bar, "ts"), 0) << "Perfetto leaves out what is before the beginning";
  const auto& two = named(bars, "two");
  EXPECT_EQ(number(two, "dur"), 2e6);
  EXPECT_EQ(two.at("args").at("of").as_string(), "scope");
  EXPECT_EQ(two.at("args").at("state").as_string(), "succeeded");
  EXPECT_EQ(two.at("args").at("queued_us").to_number<double>(), 1e6);
  EXPECT_TRUE(two.at("args").at("file").as_string().ends_with("trace_test.cpp"));
  EXPECT_EQ(number(two, "ts"), number(named(bars, "one"), "ts") + 1e6);
  EXPECT_EQ(two.at("tid"), named(bars, "one").at("tid"));
  const auto& body_bar = named(bars, "body");
  EXPECT_NE(two.at("tid"), body_bar.at("tid"));
  const auto& inside = named(bars, "inside");
  EXPECT_EQ(inside.at("tid"), two.at("tid"));
  EXPECT_EQ(inside.at("args").at("text").as_string(), "a\"b");
  EXPECT_EQ(named(events_of(out.str(), "i"), "never").at("cat").as_string(), "cancelled");

  auto from = events_of(out.str(), "s"), to = events_of(out.str(), "f");
  REQUIRE(from.size() == 3 && to.size() == 3);  // the third leads to the body
  std::erase_if(from, [&](auto& flow) { return flow.at("tid") != body_bar.at("tid"); });
  std::erase_if(to, [&](auto& flow) { return flow.at("tid") != two.at("tid"); });
  REQUIRE(from.size() == 2 && to.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(from[i].at("id"), to[i].at("id"));
    EXPECT_EQ(from[i].at("tid"), body_bar.at("tid"));
    EXPECT_EQ(to[i].at("tid"), two.at("tid"));
    EXPECT_GE(number(from[i], "ts"), number(body_bar, "ts"));
    EXPECT_LE(number(from[i], "ts"), number(body_bar, "ts") + number(body_bar, "dur"));
  }
  std::map<std::int64_t, std::string> tracks;
  for (auto& event : events_of(out.str(), "M"))
    if (event.at("name").as_string() == "thread_name")
      tracks[event.at("tid").as_int64()] = event.at("args").at("name").as_string();
  EXPECT_EQ(tracks.at(two.at("tid").as_int64()), "worker " + std::to_string(two.at("tid").as_int64()));
}

CORO_TEST_EVERYWHERE(ChromeTrace, of_many_jobs_has_each_once_and_no_two_at_once_on_a_track) {
  std::ostringstream out;
  {
    const auto trace = std::make_shared<ChromeTrace>(out);
    observe(home, trace);
    const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
      const auto job = []() -> awaitable<void> { co_await this_task::yield(); };
      for (int i = 0; i < 500; ++i) co_await executor.submit(job);
    };
    co_await with_executor(options({.max_workers = 4}), body);
    observe(home, nullptr);
    trace->close();
  }
  std::map<std::int64_t, std::map<double, double>> tracks;
  std::set<std::int64_t> ids;
  for (auto& bar : events_of(out.str(), "X")) {
    if (bar.at("name").as_string() == "body") continue;
    ids.insert(bar.at("args").at("id").as_int64());
    tracks[bar.at("tid").as_int64()].emplace(number(bar, "ts"), number(bar, "dur"));
  }
  EXPECT_EQ(ids.size(), 500u);
  for (auto& [track, bars] : tracks) {
    double end = -1e18;
    for (auto& [begin, length] : bars) {
      EXPECT_GE(begin, end - 0.002) << "track " << track;
      end = begin + length;
    }
  }
}

TEST(ChromeTrace, IsValidWhateverNamesThereAreAndWhenThereIsNothing) {
  std::ostringstream empty, out;
  { const ChromeTrace trace(empty); }
  EXPECT_EQ(events_of(empty.str(), "X").size(), 0u);
  {
    ChromeTrace trace(out);
    const auto time = std::chrono::steady_clock::now();
    trace.add("quote \" back \\ line \n nul", time, time);
    trace.add("\xff\xc3 caf\xc3\xa9 \xe2\x82", time, time + std::chrono::nanoseconds(1234567));
    trace.close();
    trace.add("late", time, time);
  }
  const auto bars = events_of(out.str(), "X");
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_EQ(bars[0].at("name").as_string(), "quote \" back \\ line \n nul");
  EXPECT_EQ(bars[1].at("name").as_string(), "\xef\xbf\xbd\xef\xbf\xbd caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(number(bars[1], "dur"), 1234.567);
}

// What has been written is in the stream, not in memory.
TEST(ChromeTrace, StreamsWithinABound) {
  std::ostringstream out;
  ChromeTrace trace(out);
  const auto time = std::chrono::steady_clock::now();
  std::size_t added = 0;
  for (int i = 0; i < 10'000; ++i, added += 40) {
    trace.add("a name of forty characters, or nearly so", time, time);
    EXPECT_LT(added, static_cast<std::size_t>(out.tellp()) + 64 * 1024);
  }
}

TEST(ChromeTrace, StopsWritingWhenTheStreamHasFailed) {
  std::ostringstream out;
  ChromeTrace trace(out);
  EXPECT_FALSE(trace.failed());
  out.setstate(std::ios::badbit);
  trace.close();
  EXPECT_TRUE(trace.failed());
}

}  // namespace
}  // namespace coroexec::test
