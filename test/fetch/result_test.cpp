// What people and scripts read: JSON lines, trace, summary, progress line.
#include "result.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "progress_bar.hpp"
#include "summary.hpp"
#include "trace_file.hpp"

namespace fetch {
namespace {

using namespace std::chrono_literals;

Result ok(std::chrono::microseconds elapsed) {
  Result result;
  result.line = 1;
  result.url = "http://a/";
  result.status = 200;
  result.bytes = 1000;
  result.attempts = 1;
  result.elapsed = elapsed;
  return result;
}

TEST(Result, OneLineOfJson) {
  Result result = ok(1234567us);
  EXPECT_EQ(to_json_line(result),
            "{\"line\":1,\"url\":\"http://a/"
            "\",\"status\":200,\"bytes\":1000,\"attempts\":1,\"ms\":1234.567}\n");
  result.final_url = "http://b/";
  result.status = 0;
  result.failure = Failure{ErrorKind::timeout, "too \"slow\"\n"};
  const std::string line = to_json_line(result);
  EXPECT_EQ(
      line,
      "{\"line\":1,\"url\":\"http://a/\",\"final_url\":\"http://b/\",\"bytes\":1000,\"attempts\":1,"
      "\"ms\":1234.567,\"error\":{\"kind\":\"timeout\",\"message\":\"too \\\"slow\\\"\\n\"}}\n");
  const auto value = boost::json::parse(line);
  EXPECT_EQ(value.at("error").at("message").as_string(), "too \"slow\"\n");
}

TEST(Result, MillisecondsAreRoundedToMicroseconds) {
  const auto milliseconds = [](std::chrono::nanoseconds elapsed) {
    Result result;
    result.elapsed = elapsed;
    const std::string line = to_json_line(result);
    return line.substr(line.find("\"ms\":") + 5);
  };
  EXPECT_EQ(milliseconds(0ns), "0.000}\n");
  EXPECT_EQ(milliseconds(1499ns), "0.001}\n");
  EXPECT_EQ(milliseconds(1500ns), "0.002}\n");
  EXPECT_EQ(milliseconds(20'030'000ns), "20.030}\n");
  EXPECT_EQ(milliseconds(999'999'500ns), "1000.000}\n");
}

TEST(Result, AnyBytesGiveValidJson) {
  EXPECT_EQ(json_string(""), "\"\"");
  EXPECT_EQ(json_string("http://a/b?c=~ d"), "\"http://a/b?c=~ d\"");
  EXPECT_EQ(json_string("a\"b"), "\"a\\\"b\"");
  EXPECT_EQ(json_string("a\\b"), "\"a\\\\b\"");
  EXPECT_EQ(json_string("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"),
            "\"a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"");
  EXPECT_EQ(json_string("a\xFF"
                        "b"),
            "\"a\xEF\xBF\xBD"
            "b\"");
  EXPECT_EQ(json_string("\xC3"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(json_string("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"") << "an overlong form";
  EXPECT_EQ(json_string("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"")
      << "a surrogate";
  std::string all;
  for (int i = 0; i < 256; ++i)
    all += static_cast<char>(i);
  EXPECT_NO_THROW(boost::json::parse(json_string(all)));
  for (int i = 0; i < 128; ++i) {  // each alone, so that none is escaped for another's sake
    const std::string one(1, static_cast<char>(i));
    EXPECT_EQ(boost::json::parse(json_string(one)).as_string(), one) << i;
  }
}

TEST(Summary, CountsByOutcomeAndPercentiles) {
  Summary summary;
  for (int i = 1; i <= 1000; ++i)
    summary.add(ok(std::chrono::milliseconds(i)));
  Result moved = ok(1ms);
  moved.final_url = "http://b/";
  summary.add(moved);
  for (const auto kind : {ErrorKind::timeout, ErrorKind::timeout, ErrorKind::http_status}) {
    Result failed = ok(9h);
    failed.failure = Failure{kind, ""};
    summary.add(failed);
  }
  summary.retries = 1;
  summary.connections = 12;
  summary.connections_reused = 1234;
  EXPECT_EQ(summary.total(), 1004u);
  EXPECT_EQ(summary.ok(), 1001u);
  EXPECT_EQ(summary.failed(), 3u);
  EXPECT_EQ(
      summary.text(2s),
      "1,004 URLs in 2.00 s, 502/s, 977.5 KB\n"
      "  ok           1,001, 1 redirected, 1 retry\n"
      "  failed       3: 2 timeout, 1 http-status\n"
      "  latency      p50 501.2 ms   p90 901.8 ms   p99 994.1 ms   p99.9 1.00 s   max 1.00 s\n"
      "  connections  12 opened, reused 1,234 times\n");
}

TEST(Summary, OfNothing) {
  EXPECT_EQ(
      Summary().text(0s),
      "0 URLs in 0.00 s, 0/s, 0 B\n  ok           0\n  connections  0 opened, reused 0 times\n");
}

TEST(Summary, NumbersAreGrouped) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(ProgressLine, WithAndWithoutAKnownEnd) {
  const Progress half{0.5, 1500, 3, 100};
  EXPECT_EQ(progress_line(half, 10s, 120),
            "[###############---------------]  50% 1,500 done, 3 failed, 100 running, 150/s, 0:10, "
            "0:10 left");
  EXPECT_EQ(progress_line({-1, 1500, 0, 100}, 70s, 120), "1,500 done, 100 running, 21/s, 1:10");
  EXPECT_EQ(progress_line(half, 10s, 70),
            " 50% 1,500 done, 3 failed, 100 running, 150/s, 0:10, 0:10 left");
  EXPECT_EQ(progress_line(half, 10s, 20).size(), 20u);
}

TEST(TraceFile, IsJsonWithWhatCameOfEachFetch) {
  const std::string path = testing::TempDir() + "coroexec-fetch-trace.json";
  TraceFile trace(path);
  Result result = ok(10ms);
  result.started = std::chrono::steady_clock::now();
  trace.add(result);
  trace.close();
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  std::filesystem::remove(path);
  const auto events = boost::json::parse(text.str()).as_array();
  const auto& bar = events.back();
  EXPECT_EQ(bar.at("ph").as_string(), "X");
  EXPECT_EQ(bar.at("name").as_string(), result.url);
  EXPECT_EQ(bar.at("dur").as_double(), 10'000);
  EXPECT_EQ(bar.at("args").at("line").as_int64(), 1);
  EXPECT_EQ(bar.at("args").at("outcome").as_string(), "ok");
}

TEST(TraceFile, TellsWhyItCannotBeWritten) {
  TraceFile trace("/dev/full");
  try {
    trace.close();
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.what(), "cannot write the trace to /dev/full: No space left on device");
  }
}

TEST(TraceFile, OneThatCannotBeWrittenIsNamed) {
  try {
    TraceFile trace("/nonexistent/trace.json");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.what(),
                 "cannot write the trace to /nonexistent/trace.json: No such file or directory");
  }
}

}  // namespace
}  // namespace fetch
