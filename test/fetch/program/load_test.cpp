// Many URLs at once: every line accounted for, be all well or some fail in every way there is. The number of
// URLs is COROEXEC_FETCH_URLS, or 10000; `ctest -C Load -L load` takes 100000.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "bad_server.hpp"
#include "nginx.hpp"
#include "process.hpp"
#include "program.hpp"

namespace fetch::test {
namespace {

std::int64_t number_of_urls() { return number_from("COROEXEC_FETCH_URLS", 10'000); }

void print(const Ended& run) {
  std::cout << run.errors << "memory " << run.peak_kilobytes << " KB\n";
}

class LoadTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_nginx()) GTEST_SKIP() << "nginx is not installed (tools/install-deps.sh)";
    raise_open_files_limit();
    ::setenv("RES_OPTIONS", "timeout:1 attempts:1",
             1);  // a machine without a name server must not take long
  }
};

TEST_F(LoadTest, EveryLineIsAccountedFor) {
  const Nginx nginx;
  const auto urls = number_of_urls();
  std::string list;
  for (std::int64_t i = 0; i < urls; ++i)
    list += nginx.plain() + "/page/" + std::to_string(i) + "\n";
  const Ended run = run_program({"--concurrency", "1000"}, list);
  print(run);
  EXPECT_EQ(run.status, 0);
  ASSERT_EQ(run.results.size(), static_cast<std::size_t>(urls));
  for (const auto& [line, result] : run.results)
    ASSERT_EQ(result.status, 200) << line << " " << result.message;
}

TEST_F(LoadTest, EveryLineIsAccountedForWhenOneInAHundredFailsInEachWay) {
  const Nginx nginx;
  BadServer bad;
  const RefusingPort nobody;
  const std::pair<std::string, const char*> ways[] = {
      {"no-url", "invalid-url"},
      {"http://no-such-host.invalid/", "resolve"},
      {"http://127.0.0.1:" + nobody.number() + "/", "connect"},
      {bad.url("/empty"), "disconnected"},
      {bad.url("/reset"), "disconnected"},
      {bad.url("/half-header"), "disconnected"},
      {bad.url("/half-body"), "disconnected"},
      {bad.url("/stall"), "timeout"},
      {bad.url("/stall-body"), "timeout"},
      {bad.url("/garbage"), "protocol"},
      {bad.url("/endless-body"), "body-too-large"},
      {bad.url("/endless-header"), "header-too-large"},
      {bad.url("/bad-gzip"), "decode"},
      {nginx.plain() + "/missing", "http-status"},
      {nginx.plain() + "/loop", "redirect"},
      {nginx.misnamed() + "/small.txt", "tls"},
  };
  constexpr auto count = static_cast<std::int64_t>(std::size(ways));
  const auto urls = number_of_urls();
  std::map<std::string, std::int64_t> expected;
  std::string list;
  for (std::int64_t line = 1; line <= urls; ++line) {
    const auto way = line % 100;
    list +=
        (way < count ? ways[way].first : nginx.plain() + "/page/" + std::to_string(line)) + "\n";
    ++expected[way < count ? ways[way].second : ""];
  }
  const Ended run =
      run_program({"--concurrency", "1000", "--timeout", "6", "--retries", "1", "--retry-delay",
                   "10ms", "--max-body", "64K", "--cacert", nginx.authority()},
                  list);
  print(run);
  EXPECT_EQ(run.status, 1);
  ASSERT_EQ(run.results.size(), static_cast<std::size_t>(urls));
  std::map<std::string, std::int64_t> found;
  for (const auto& [line, result] : run.results) {
    ++found[result.kind];
    const auto way = line % 100;
    ASSERT_EQ(result.kind, way < count ? ways[way].second : "") << line << ": " << result.message;
  }
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace fetch::test
