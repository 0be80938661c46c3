// coroexec-fetch enqueue and work, run as a user runs them.
#include <fcntl.h>
#include <signal.h>

#include "fetch/program/bad_server.hpp"
#include "fetch/program/nginx.hpp"
#include "fetch/program/program.hpp"
#include "nats_server.hpp"

namespace coroexec::test {
namespace {

using fetch::test::BadServer;
using fetch::test::Ended;
using fetch::test::Program;
using fetch::test::run_program;

class FetchQueue : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_nats_server()) GTEST_SKIP() << "nats-server is not installed (tools/install-deps.sh)";
    server.emplace();
  }
  Ended enqueue(const std::string& list, const std::string& stream = "urls") {
    return run_program({"enqueue", "--queue", server->url(), "--stream", stream}, list);
  }
  Program::Arguments work(Program::Arguments more, const std::string& stream = "urls") {
    Program::Arguments arguments{"work", "--queue", server->url(), "--stream", stream, "--durable", "workers"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  // Pages that the server holds until it is told to release them.
  void enqueue_held(const BadServer& pages) {
    std::string list;
    for (int i = 0; i < 20; ++i) list += pages.url("/hold/" + std::to_string(i)) + "\n";
    EXPECT_EQ(enqueue(list).status, 0);
  }
  std::uint64_t left(const std::string& stream) {
    return coroexec::run([&]() -> awaitable<std::uint64_t> {
      const std::string url = server->url();
      auto connection = co_await nats::connect({.servers = url});
      const auto info = co_await nats::stream_info(connection, stream);
      co_await connection.close();
      co_return info.messages;
    });
  }
  std::optional<NatsServer> server;
};

TEST_F(FetchQueue, EveryLineIsQueuedOnceAndHasAResult) {
  BadServer pages;
  std::string list = "# a comment\n";
  for (int i = 0; i < 200; ++i) list += pages.url("/ok") + "\n";
  list += "no url\n";
  EXPECT_EQ(enqueue(list).errors, "201 URLs queued in urls\n");
  EXPECT_EQ(enqueue(list).errors, "0 URLs queued in urls, 201 were there already\n");
  Program program(work({"--until-empty", "--concurrency", "20"}));
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run.results.size(), 201u) << run.errors;
  EXPECT_EQ(run[1].status, 200);
  EXPECT_EQ(run[201].kind, "invalid-url");
  EXPECT_NE(run.errors.find("201 taken, 201 acknowledged"), std::string::npos) << run.errors;
  EXPECT_EQ(left("urls"), 0u);
}

TEST_F(FetchQueue, ResultsMayBePublished) {
  BadServer pages;
  EXPECT_EQ(enqueue(pages.url("/ok") + "\n").status, 0);
  EXPECT_EQ(enqueue("", "results").status, 0);
  Program program(work({"--until-empty", "--results", "results"}));
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_TRUE(run.results.empty());
  EXPECT_EQ(left("results"), 1u);
}

TEST_F(FetchQueue, WhatFailsSoOftenIsADeadLetter) {
  BadServer pages;
  EXPECT_EQ(enqueue(pages.url("/reset") + "\n" + pages.url("/ok") + "\n").status, 0);
  EXPECT_EQ(enqueue("", "dead").status, 0);
  Program program(work({"--until-empty", "--retries", "0", "--dead-letter", "dead", "--max-deliveries", "1"}));
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_EQ(run.results.size(), 1u);
  EXPECT_EQ(left("urls"), 0u);
  EXPECT_EQ(left("dead"), 1u);
}

TEST_F(FetchQueue, CtrlCHandsBackWhatIsNotDone) {
  BadServer pages;
  enqueue_held(pages);
  Program program(work({"--concurrency", "4", "--grace", "100ms"}));
  pages.wait_for_requests(4);
  program.signal(SIGINT);
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 130);
  EXPECT_TRUE(run.results.empty()) << run.errors;
  EXPECT_NE(run.errors.find("8 handed back"), std::string::npos) << run.errors;
  EXPECT_EQ(left("urls"), 20u);
}

TEST_F(FetchQueue, CtrlCLetsFinishWhatRuns) {
  BadServer pages;
  enqueue_held(pages);
  Program program(work({"--concurrency", "4", "--grace", "60"}));
  pages.wait_for_requests(4);
  program.signal(SIGINT);
  program.wait_for_error("interrupted");
  pages.release();
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 130);
  EXPECT_EQ(run.results.size(), 4u) << run.errors;
  EXPECT_EQ(left("urls"), 16u);
}

TEST(FetchQueueTls, TheServersCertificateIsVerified) {
  if (!have_nats_server() || !fetch::test::have_nginx()) GTEST_SKIP() << "nats-server or nginx is not installed";
  const fetch::test::Nginx nginx;  // has certificates
  const auto file = [&](const std::string& name) { return nginx.directory().file(name); };
  const auto tls = [&](const std::string& name) {
    return "tls { cert_file: \"" + file(name + ".pem") + "\", key_file: \"" + file(name + ".key") + "\" }\n";
  };
  const NatsServer server(tls("server")), misnamed(tls("other"));
  const auto enqueue = [&](const NatsServer& at, const std::string& authority) {
    return run_program({"enqueue", "--queue", at.url(), "--stream", "urls", "--queue-ca", authority}, "x\n").errors;
  };
  EXPECT_EQ(enqueue(server, nginx.authority()), "1 URLs queued in urls\n");
  EXPECT_NE(enqueue(server, file("other.pem")).find("coroexec-fetch: cannot connect to " + server.url() + ": SSL"), std::string::npos);
  EXPECT_NE(enqueue(misnamed, nginx.authority()).find("coroexec-fetch: cannot connect to " + misnamed.url() + ": SSL"), std::string::npos);
  EXPECT_NE(enqueue(server, "/no/such").find("there is no file of authorities at /no/such"), std::string::npos);
}

// doc/guide/many-machines.md
TEST_F(FetchQueue, TheGuidesProgramDoesWhatThePageSays) {
  const auto run = [&](const std::string& what) {
    const fetch::test::TempDir directory;
    const int out = ::open(directory.file("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    fetch::test::Child child({COROEXEC_MANY_MACHINES, server->url(), what}, {-1, out, -1});
    EXPECT_EQ(child.wait(), 0);
    return fetch::test::read_file(directory.file("out"));
  };
  EXPECT_EQ(run("fill"), "100 published, 0 were there already\n");
  EXPECT_EQ(run("fill"), "100 published, 100 were there already\n");
  EXPECT_EQ(run("work"), "99 done, 1 given up\n");
  EXPECT_EQ(run("dead"), "image 7: it is no image\n");
}

TEST_F(FetchQueue, SaysWhatIsWrong) {
  const fetch::test::HeldPort nobody;
  const std::string nowhere = "nats://127.0.0.1:" + std::to_string(nobody.number());
  const auto said = [](Program::Arguments arguments) {
    const Ended run = Program(std::move(arguments)).finish();
    EXPECT_EQ(run.status, 2);
    return run.errors;
  };
  EXPECT_EQ(said({"work", "--queue", nowhere, "--stream", "urls", "--durable", "w"}),
            "coroexec-fetch: cannot connect to " + nowhere + ": No server available for connection\n");
  EXPECT_EQ(said(work({}, "nothing")), "coroexec-fetch: there is no stream nothing at " + server->url() + "\n");
  coroexec::run([&]() -> awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    co_await tell_server(executor, server->url(), "$JS.API.STREAM.CREATE.log",
                         R"({"name":"log","subjects":["log"],"retention":"limits"})");
  });
  const std::string policy = "coroexec-fetch: stream log is no work queue: its retention policy is limits, and has to be workqueue\n";
  EXPECT_EQ(said(work({}, "log")), policy);
  EXPECT_EQ(enqueue("x\n", "log").errors, policy);
  NatsServer guarded("authorization { user: me, password: right }\n");
  EXPECT_EQ(said({"work", "--queue", guarded.url("me:wrong"), "--stream", "urls", "--durable", "w"}),
            "coroexec-fetch: cannot connect to " + guarded.url() + ": Authorization Violation\n");
  EXPECT_EQ(said({"work", "--queue", nowhere}), "coroexec-fetch: --stream is required (--help lists the options)\n");
  EXPECT_EQ(run_program({"enqueue", "--queue", server->url(), "--stream", "three", "--replicas", "3"}, "x\n").errors,
            "coroexec-fetch: cannot make stream three at " + server->url() + ": replicas > 1 not supported in non-clustered mode\n");
}

}  // namespace
}  // namespace coroexec::test
