// Whatever a server does, its line has one result with a clear error, and the other lines have
// theirs.
#include "bad_server.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "program.hpp"

namespace fetch::test {
namespace {

TEST(BadServerTest, EveryFaultIsOneClearResultAndTheOthersGoOn) {
  BadServer server;
  const struct {
    const char* path;
    const char* kind;
    const char* message;
    int attempts;
  } cases[] = {
      {"/ok", "", "", 1},
      {"/empty", "disconnected", "the server closed the connection without a response", 2},
      {"/reset", "disconnected",
       "the connection broke while the response was read: Connection reset by peer", 2},
      {"/half-header", "disconnected",
       "the server closed the connection in the middle of the header", 2},
      {"/half-body", "disconnected", "the server closed the connection in the middle of the body",
       2},
      {"/half-chunk", "disconnected", "the server closed the connection in the middle of the body",
       2},
      {"/half-gzip", "decode", "the compressed body ends early", 2},
      {"/bad-gzip", "decode", "the compressed body is damaged: incorrect header check", 1},
      {"/brotli", "decode", "Content-Encoding \"br\" is not supported", 1},
      {"/garbage", "protocol", "the response is no HTTP: ", 1},
      {"/bad-chunk", "protocol", "the response body is damaged: bad chunk", 1},
      {"/stall", "timeout", "not done within --timeout (3 s), at the end waiting for the response",
       1},
      {"/stall-body", "timeout",
       "not done within --timeout (3 s), at the end waiting for the response", 1},
      {"/endless-body", "body-too-large", "the body is larger than --max-body, 1048576 bytes", 1},
      {"/endless-stream", "body-too-large", "the body is larger than --max-body, 1048576 bytes", 1},
      {"/endless-header", "header-too-large", "the response header is larger than 65536 bytes", 1},
      {"/endless-line", "header-too-large", "the response header is larger than 65536 bytes", 1},
      {"/endless-hints", "protocol", "the server sends informational responses without end", 1},
      {"/bomb", "body-too-large", "the decompressed body is larger than --max-body, 1048576 bytes",
       1},
      {"/nowhere", "redirect",
       "the redirect to \"http://no host/\" leads nowhere: the host name contains", 1},
      {"/hints", "", "", 1},
      {"/flaky", "", "", 2},
      {"/flaky-reset", "", "", 2},
      {"/busy", "http-status", "the server answered 503 Busy", 1},
      {"/ok/last", "", "", 1},
  };
  std::string list;
  for (const auto& test : cases) list += server.url(test.path) + "\n";
  const Ended run = run_program(
      {"--timeout", "3", "--retries", "1", "--retry-delay", "1ms", "--max-body", "1M"}, list);
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run.results.size(), std::size(cases));
  std::int64_t line = 0;
  for (const auto& test : cases) {
    const ResultLine& result = run[++line];
    EXPECT_EQ(result.kind, test.kind) << test.path;
    EXPECT_TRUE(result.message.starts_with(test.message)) << test.path << ": " << result.message;
    EXPECT_EQ(result.attempts, test.attempts) << test.path;
  }
  EXPECT_LT(run.peak_kilobytes, 200'000) << "no body or header is kept in memory";
}

TEST(BadServerTest, LinesThatAreNoUrlsAreNamedAndTheOthersGoOn) {
  BadServer server;
  std::string list;
  for (int line = 1; line <= 5000; ++line)
    list += line == 4711 ? "htp://typo/\n" : line == 4712 ? "no url\n" : server.url("/ok") + "\n";
  list += "http://" + std::string(20'000, 'x') + "/\n";
  const Ended run = run_program({}, list);
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run.results.size(), 5001u);
  EXPECT_EQ(run[4711].kind, "invalid-url");
  EXPECT_EQ(run[4711].message, "line 4711: the scheme \"htp\" is neither http nor https");
  EXPECT_EQ(run[4711].url, "htp://typo/");
  EXPECT_EQ(run[4712].message, "line 4712: a space in a URL is written %20");
  EXPECT_EQ(run[5001].message, "line 5001: longer than 16384 bytes");
  EXPECT_NE(run.errors.find("ok           4,998"), std::string::npos) << run.errors;
}

TEST(BadServerTest, AHostThatDoesNotResolveAndAPortNobodyListensOn) {
  BadServer server;
  const RefusingPort port;
  const std::string nobody = port.number();
  const Ended run = run_program({"--retries", "1", "--retry-delay", "1ms"},
                                "http://no-such-host.invalid/\nhttp://127.0.0.1:" + nobody +
                                    "/\nhttp://[::1]:" + nobody + "/\n" + server.url("/ok") + "\n");
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run[1].kind, "resolve");
  EXPECT_TRUE(run[1].message.starts_with("cannot resolve no-such-host.invalid: "))
      << run[1].message;
  EXPECT_EQ(run[2].kind, "connect");
  EXPECT_EQ(run[2].message, "cannot connect to 127.0.0.1 port " + nobody + ": Connection refused");
  EXPECT_EQ(run[2].attempts, 2);
  EXPECT_EQ(run[3].kind, "connect");
  EXPECT_EQ(run[4].kind, "");
}

TEST(BadServerTest, AConnectionTheServerClosedIsReplacedWithoutCountingAnAttempt) {
  BadServer server;
  std::string list;
  for (int i = 0; i < 20; ++i) list += server.url("/once/" + std::to_string(i)) + "\n";
  const Ended run = run_program({"--concurrency", "1", "--retries", "0"}, list);
  EXPECT_EQ(run.status, 0) << run.errors;
  for (int i = 1; i <= 20; ++i) EXPECT_EQ(run[i].attempts, 1);
}

TEST(BadServerTest, TheUsersFieldsDoNotFollowARedirectToAnotherHost) {
  BadServer server;
  const TempDir out;
  const Ended run = run_program(
      {"-H", "Authorization: secret", "-H", "User-Agent: me", "--output-dir", out.file("b")},
      server.url("/seen") + "\n" + server.url("/away") + "\n");
  EXPECT_EQ(run.status, 0) << run.errors;
  const std::string own = read_file(out.file("b/00000001.body"));
  EXPECT_NE(own.find("Authorization: secret\r\n"), std::string::npos) << own;
  EXPECT_EQ(own.find("coroexec-fetch"), std::string::npos) << own;
  const std::string other = read_file(out.file("b/00000002.body"));
  EXPECT_EQ(other.find("secret"), std::string::npos) << other;
}

TEST(BadServerTest, PerHostHoldsBackOneHostAndNotTheOther) {
  BadServer slow, quick;
  std::string list;
  for (int i = 0; i < 10; ++i) list += slow.url("/hold/" + std::to_string(i)) + "\n";
  std::string name = quick.url("/ok");  // the same machine by another name is another host
  name.replace(name.find("127.0.0.1"), 9, "localhost");
  for (int i = 0; i < 10; ++i) list += name + "\n";
  Program program({"--concurrency", "3", "--per-host", "2"}, list);
  quick.wait_for_requests(10);  // would never come if the ten held ones were in the way
  slow.wait_for_requests(2);
  slow.release();
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_EQ(run.results.size(), 20u);
}

TEST(BadServerTest, TheRateLimitsTheStarts) {
  BadServer server;
  std::string list;
  for (int i = 0; i < 21; ++i) list += server.url("/ok") + "\n";
  const auto began = std::chrono::steady_clock::now();
  const Ended run = run_program({"--rate", "40", "--burst", "5"}, list);
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_GE(took, std::chrono::milliseconds(16 * 1000 / 40)) << "five at once, then 40 a second";
}

}  // namespace
}  // namespace fetch::test
