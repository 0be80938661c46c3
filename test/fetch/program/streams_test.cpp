// Standard streams: a list from a pipe, results nobody reads, a disk that is full.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <thread>

#include "bad_server.hpp"
#include "program.hpp"

namespace fetch::test {
namespace {

TEST(StreamsTest, AListFromAPipeIsFetchedAsItArrives) {
  BadServer server;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Program program({"-"}, ends[0]);
  for (std::size_t i = 1; i <= 5; ++i) {
    const std::string line = server.url("/ok") + "\n";
    ASSERT_GT(::write(ends[1], line.data(), line.size()), 0);
    server.wait_for_requests(i);  // fetched before the next line is there
  }
  ::close(ends[1]);
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_EQ(run.results.size(), 5u);
}

TEST(StreamsTest, AResultIsWrittenWhileOthersAreStillFetched) {
  BadServer server;
  const TempDir directory;
  const std::string held = server.url("/hold/1") + "\n", quick = server.url("/ok") + "\n";
  const std::string list = directory.write("list", held + quick + held + quick);
  const std::string results = directory.file("out");
  const int out = ::open(results.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  Child child({COROEXEC_FETCH, list}, {-1, out, -1});
  EXPECT_TRUE(wait_for_text(results, "{\"line\":2,")) << read_file(results);
  EXPECT_TRUE(wait_for_text(results, "{\"line\":4,")) << read_file(results);
  server.release();
  EXPECT_EQ(child.wait(), 0);
}

TEST(StreamsTest, WhatIsWrittenAtOnceIsWholeLines) {
  BadServer server;
  const TempDir directory;
  std::string text;
  for (int i = 0; i < 3000; ++i) text += server.url("/ok") + "\n";
  const std::string list = directory.write("list", text);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_DIRECT), 0);  // each read gives what one write wrote
  Child child({COROEXEC_FETCH, list}, {-1, ends[1], -1});
  std::int64_t lines = 0, writes = 0;
  char packet[2 * PIPE_BUF];
  for (ssize_t size; (size = ::read(ends[0], packet, sizeof packet)) > 0; ++writes) {
    EXPECT_EQ(packet[0], '{');
    EXPECT_EQ(packet[size - 1], '\n');
    lines += std::count(packet, packet + size, '\n');
  }
  ::close(ends[0]);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(lines, 3000);
  EXPECT_LT(writes, lines);
}

TEST(StreamsTest, APipeIsLeftBlockingForThoseWhoShareIt) {
  BadServer server;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const int ours = ::dup(ends[0]);
  Program program({"-"}, ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(program.finish().status, 0);
  EXPECT_EQ(::fcntl(ours, F_GETFL) & O_NONBLOCK, 0);
  ::close(ours);
}

TEST(StreamsTest, ResultsNobodyReadsAnyMoreAreAnError) {
  BadServer server;
  const TempDir directory;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ::close(ends[0]);
  const int err = ::open(directory.file("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  const std::string list = directory.write("list", server.url("/ok") + "\n");
  Child child({COROEXEC_FETCH, list}, {-1, ends[1], err});
  EXPECT_EQ(child.wait(), 2);
  EXPECT_NE(read_file(directory.file("err"))
                .find("coroexec-fetch: cannot write the results: Broken pipe\n"),
            std::string::npos)
      << read_file(directory.file("err"));
}

TEST(StreamsTest, AFullDiskIsAnError) {
  BadServer server;
  const TempDir directory;
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const int err = ::open(directory.file("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  std::string text;
  for (int i = 0; i < 1000; ++i) text += server.url("/ok") + "\n";
  Child child({COROEXEC_FETCH, directory.write("list", text)}, {-1, full, err});
  EXPECT_EQ(child.wait(), 2);
  EXPECT_NE(
      read_file(directory.file("err")).find("cannot write the results: No space left on device\n"),
      std::string::npos)
      << read_file(directory.file("err"));
}

TEST(StreamsTest, ASlowReaderOfTheResultsSetsThePace) {
  BadServer server;
  const TempDir directory;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  std::string text;
  constexpr int lines = 20'000;  // far more results than the pipe and a thousand jobs hold
  for (int i = 0; i < lines; ++i) text += server.url("/ok") + "\n";
  Child child({COROEXEC_FETCH, "--concurrency", "10", directory.write("list", text)},
              {-1, ends[1], -1});
  server.wait_for_requests(100);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // nobody reads
  std::size_t results = 0;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    results += static_cast<std::size_t>(std::count(buffer, buffer + got, '\n'));
  ::close(ends[0]);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(results, static_cast<std::size_t>(lines));
}

TEST(StreamsTest, WhatCannotBeDoneIsOneSentenceAndStatusTwo) {
  const TempDir directory;
  const std::string list = directory.write("list", "http://127.0.0.1:1/\n");
  const RefusingPort taken;
  const struct {
    Program::Arguments arguments;
    std::string sentence;
  } cases[] = {
      {{"/nonexistent/list"}, "cannot read /nonexistent/list: No such file or directory"},
      {{directory.path().string()},
       "cannot read " + directory.path().string() + ": Is a directory"},
      {{"--bogus"}, "The following argument was not expected: --bogus (--help lists the options)"},
      {{"--cacert", "/nonexistent", list},
       "cannot read certificates from /nonexistent: No such file or directory"},
      {{"--trace", "/nonexistent/t", list},
       "cannot write the trace to /nonexistent/t: No such file or directory"},
      {{"--metrics", taken.number(), list},
       "cannot serve metrics on port " + taken.number() + ": Address already in use"},
      {{"--output-dir", "/nonexistent/o", list},
       "cannot create /nonexistent/o: No such file or directory"},
  };
  for (const auto& test : cases) {
    const Ended run = Program(test.arguments).finish();
    EXPECT_EQ(run.status, 2);
    EXPECT_EQ(run.errors, "coroexec-fetch: " + test.sentence + "\n");
    EXPECT_TRUE(run.results.empty());
  }
}

TEST(StreamsTest, MoreConcurrencyThanDescriptorsIsToldBeforehand) {
  const Ended run = Program({"--concurrency", "1000000", "/dev/null"}).finish();
  EXPECT_EQ(run.status, 2);
  EXPECT_TRUE(run.errors.starts_with(
      "coroexec-fetch: --concurrency 1000000 needs 1000064 open files, and the limit is "))
      << run.errors;
}

TEST(StreamsTest, WithoutArgumentsItShowsItself) {
  const Ended run = Program(Program::Arguments{}).finish();
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_EQ(run.results.size(), 2000u);
  EXPECT_NE(run.errors.find("2,000 URLs in "), std::string::npos) << run.errors;
}

}  // namespace
}  // namespace fetch::test
