// Ctrl-C: no more is taken in, what runs gets its time, no finished result is lost, every line
// taken in is told.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>

#include "bad_server.hpp"
#include "program.hpp"

namespace fetch::test {
namespace {

// `held` lines that wait for the server, after `quick` ones that do not; then many more.
std::string list_of(const BadServer& server, int quick, int held) {
  std::string list;
  for (int i = 0; i < quick; ++i) list += server.url("/ok") + "\n";
  for (int i = 0; i < held; ++i) list += server.url("/hold/" + std::to_string(i)) + "\n";
  for (int i = 0; i < 10'000; ++i) list += server.url("/ok") + "\n";
  return list;
}

std::size_t count(const Ended& run, const std::string& kind) {
  std::size_t number = 0;
  for (const auto& [line, result] : run.results) number += result.kind == kind;
  return number;
}

TEST(InterruptTest, WhatRunsMayFinishAndNothingMoreIsTakenIn) {
  BadServer server;
  Program program({"--concurrency", "8", "--grace", "60"}, list_of(server, 100, 8));
  server.wait_for_requests(108);
  program.signal(SIGINT);
  program.wait_for_error("interrupted");
  server.release();
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 130);
  EXPECT_EQ(run.results.size(), 108u) << run.errors;
  EXPECT_EQ(count(run, ""), 108u);
}

TEST(InterruptTest, AfterTheGracePeriodWhatRunsIsCancelled) {
  BadServer server;
  Program program({"--concurrency", "8", "--grace", "100ms"}, list_of(server, 100, 8));
  server.wait_for_requests(108);
  program.signal(SIGINT);
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 130);
  EXPECT_EQ(run.results.size(), 108u) << run.errors;
  EXPECT_EQ(count(run, ""), 100u) << "no finished result is lost";
  EXPECT_EQ(count(run, "cancelled"), 8u);
  EXPECT_EQ(run[101].message, "interrupted while waiting for the response");
}

TEST(InterruptTest, ASecondCtrlCCancelsAtOnce) {
  BadServer server;
  Program program({"--concurrency", "8", "--grace", "3600"}, list_of(server, 10, 8));
  server.wait_for_requests(18);
  program.signal(SIGINT);
  program.wait_for_error("interrupted");
  program.signal(SIGINT);
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 130);
  EXPECT_EQ(run.results.size(), 18u) << run.errors;
  EXPECT_EQ(count(run, "cancelled"), 8u);
}

TEST(InterruptTest, LinesThatWaitForTheirHostAreToldToo) {
  BadServer server;
  std::string list;
  for (int i = 0; i < 10; ++i) list += server.url("/hold/" + std::to_string(i)) + "\n";
  Program program({"--concurrency", "8", "--per-host", "2", "--grace", "0"}, list);
  server.wait_for_requests(2);
  program.signal(SIGINT);
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 130);
  EXPECT_EQ(run.results.size(), 10u) << run.errors;
  EXPECT_EQ(count(run, "cancelled"), 10u);
  EXPECT_EQ(run[10].message, "interrupted before it began");
}

TEST(InterruptTest, LinesThatWaitForTheRateAreNotWaitedFor) {
  BadServer server;
  Program program({"--rate", "0.001", "--burst", "3", "--grace", "3600"}, list_of(server, 10, 0));
  server.wait_for_requests(3);
  program.signal(SIGINT);
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 130);
  EXPECT_EQ(count(run, ""), 3u);
  EXPECT_EQ(count(run, "cancelled"), run.results.size() - 3);
  EXPECT_EQ(run[4].message, "interrupted before it began");
}

TEST(InterruptTest, TheTerminationSignalIsTheSame) {
  BadServer server;
  Program program({"--concurrency", "2", "--grace", "0"}, list_of(server, 10, 2));
  server.wait_for_requests(12);
  program.signal(SIGTERM);
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 128 + SIGTERM);
  EXPECT_EQ(run.results.size(), 12u) << run.errors;
}

TEST(InterruptTest, StandardInputThatSaysNothingDoesNotHoldItUp) {
  BadServer server;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Program program({"-"}, ends[0]);
  const std::string line = server.url("/ok") + "\n";
  ASSERT_GT(::write(ends[1], line.data(), line.size()), 0);
  server.wait_for_requests(1);
  program.signal(SIGINT);
  const Ended run = program.finish();
  ::close(ends[1]);
  EXPECT_EQ(run.status, 130);
  EXPECT_EQ(run.results.size(), 1u);
  EXPECT_EQ(run[1].status, 200);
}

}  // namespace
}  // namespace fetch::test
