// The command line: defaults, units, and a sentence with status 2 for each mistake.
#include "options.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>

namespace fetch {
namespace {

using namespace std::chrono_literals;

CommandLine parse(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv{"coroexec-fetch"};
  argv.insert(argv.end(), arguments);
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

Options options_of(std::initializer_list<const char*> arguments) {
  const CommandLine result = parse(arguments);
  EXPECT_TRUE(result.options) << result.text;
  return result.options.value_or(Options{});
}

TEST(Options, WithoutArgumentsItIsTheDemonstration) {
  const Options options = options_of({});
  EXPECT_TRUE(options.demo());
  EXPECT_EQ(options.concurrency, 100u);
  EXPECT_EQ(options.timeout, 30s);
  EXPECT_EQ(options.max_body, 100u << 20);
}

TEST(Options, AllOfThemAreRead) {
  const Options options = options_of({"--concurrency",
                                      "7",
                                      "--per-host",
                                      "3",
                                      "--rate",
                                      "2.5",
                                      "--burst",
                                      "4",
                                      "--timeout",
                                      "1.5",
                                      "--connect-timeout",
                                      "250ms",
                                      "--retries",
                                      "0",
                                      "--retry-delay",
                                      "0",
                                      "--max-redirects",
                                      "5",
                                      "--max-body",
                                      "64K",
                                      "-H",
                                      "A: b",
                                      "--header",
                                      "C:d",
                                      "--cacert",
                                      "ca.pem",
                                      "--output-dir",
                                      "out",
                                      "--trace",
                                      "t.json",
                                      "--metrics",
                                      "9100",
                                      "--grace",
                                      "1m",
                                      "--no-progress",
                                      "list.txt"});
  EXPECT_EQ(options.list, "list.txt");
  EXPECT_EQ(options.concurrency, 7u);
  EXPECT_EQ(options.per_host, 3u);
  EXPECT_EQ(options.rate, 2.5);
  EXPECT_EQ(options.burst, 4u);
  EXPECT_EQ(options.timeout, 1500ms);
  EXPECT_EQ(options.connect_timeout, 250ms);
  EXPECT_EQ(options.retries, 0u);
  EXPECT_EQ(options.retry_delay, 0s);
  EXPECT_EQ(options.max_redirects, 5u);
  EXPECT_EQ(options.max_body, 65536u);
  ASSERT_EQ(options.headers.size(), 2u);
  EXPECT_EQ(options.headers[0].name + "=" + options.headers[0].value, "A=b");
  EXPECT_EQ(options.headers[1].name + "=" + options.headers[1].value, "C=d");
  EXPECT_EQ(options.cacert, "ca.pem");
  EXPECT_EQ(options.output_dir, "out");
  EXPECT_EQ(options.trace, "t.json");
  EXPECT_EQ(options.metrics, 9100);
  EXPECT_EQ(options.grace, 1min);
  EXPECT_FALSE(options.progress);
}

TEST(Options, AHyphenIsStandardInput) { EXPECT_EQ(options_of({"-"}).list, "-"); }

TEST(Options, HelpIsNoError) {
  const CommandLine result = parse({"--help"});
  EXPECT_FALSE(result.options);
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.text.find("--per-host"), std::string::npos);
  EXPECT_NE(result.text.find("Exit status"), std::string::npos);
}

TEST(Options, EveryMistakeIsOneSentenceAndStatusTwo) {
  const struct {
    std::vector<const char*> arguments;
    const char* part;
  } cases[] = {
      {{"--bogus"}, "--bogus"},
      {{"a", "b"}, "b"},
      {{""}, "LIST must not be empty"},
      {{"--concurrency"}, "--concurrency"},
      {{"--concurrency", "0"}, "--concurrency must be from 1 to 1000000"},
      {{"--concurrency", "-1"}, "--concurrency must be from 1 to 1000000"},
      {{"--concurrency", "many"}, "--concurrency"},
      {{"--per-host", "-3"}, "--per-host must be from 0 to 1000000"},
      {{"--rate", "-1"}, "--rate must not be negative"},
      {{"--rate", "nan"}, "--rate must not be negative"},
      {{"--burst", "0"}, "--burst must be from 1 to 1000000"},
      {{"--timeout", "0"}, "--timeout must be more than 0"},
      {{"--timeout", "nan"}, "--timeout"},
      {{"--timeout", "1e9"}, "--timeout must be at most 1000000 seconds"},
      {{"--timeout", "5parsecs"}, "parsecs"},
      {{"--grace", "-1"}, "--grace must not be negative"},
      {{"--retries", "101"}, "--retries must be from 0 to 100"},
      {{"--max-redirects", "-1"}, "--max-redirects must be from 0 to 100"},
      {{"--max-body", "0"}, "--max-body must be from 1 to"},
      {{"--header", "no colon"}, "--header \"no colon\" is not of the form 'Name: value'"},
      {{"--header", ": x"}, "is not of the form 'Name: value'"},
      {{"--header", "A b: x"}, "is not of the form 'Name: value'"},
      {{"--header", "A: x\r\nEvil: y"}, "--header \"A\" has a control character in its value"},
      {{"--metrics", "65536"}, "--metrics must be from 0 to 65535"},
      {{"--metrics", "http"}, "--metrics"},
      {{"--insecure", "--cacert", "x"}, "--insecure and --cacert exclude each other"},
  };
  for (const auto& [arguments, part] : cases) {
    std::vector<const char*> argv{"coroexec-fetch"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const CommandLine result = parse_command_line(static_cast<int>(argv.size()), argv.data());
    EXPECT_FALSE(result.options) << part;
    EXPECT_EQ(result.status, 2) << part;
    EXPECT_NE(result.text.find(part), std::string::npos) << result.text << " lacks " << part;
    EXPECT_TRUE(result.text.starts_with("coroexec-fetch: ")) << result.text;
    EXPECT_EQ(std::ranges::count(result.text, '\n'), 1) << result.text;
  }
}

}  // namespace
}  // namespace fetch
