// example/tcp_server.cpp: its bounds, clients that misbehave, and the ways it ends.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <list>

#include "started.hpp"
#include "tcp_client.hpp"

namespace example::test {
namespace {

// Sent together, so whoever has the first one's reply knows that the others have been taken in.
std::string lines(const std::string& line, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += line + "\n";
  return text;
}

Started start_server(const std::string& patience = "60", const std::string& drain = "60") {
  return Started({EXAMPLE_TCP_SERVER, "0", patience, drain});
}

TEST(TcpServerTest, RepliesInTheOrderOfTheRequests) {
  Started server = start_server();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Started client({"curl", "-s", "telnet://127.0.0.1:" + std::to_string(server.port())}, ends[0]);
  ASSERT_EQ(::write(ends[1], "30\n10\nx\n\n", 9), 9);
  ::close(ends[1]);
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.output(), "30 ms\n10 ms\nerror: not a number\n");
}

TEST(TcpServerTest, BoundsTheRequestsOfOneConnection) {
  Started server = start_server();
  TcpClient client(server.port());
  client.send(lines("10", 20));
  client.finish_sending();
  EXPECT_EQ(client.rest(), lines("10 ms", 20));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  EXPECT_NE(server.output().find("drained: 20 requests, at most 4 at work"), std::string::npos)
      << server.output();
}

TEST(TcpServerTest, BoundsTheRequestsOfAll) {
  Started server = start_server();
  std::list<TcpClient> clients;
  for (int i = 0; i < 6; ++i) clients.emplace_back(server.port()).send(lines("20", 10));
  for (auto& client : clients) client.finish_sending();
  for (auto& client : clients) EXPECT_EQ(client.rest(), lines("20 ms", 10));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  EXPECT_NE(server.output().find("drained: 60 requests, at most 8 at work"), std::string::npos)
      << server.output();
}

TEST(TcpServerTest, RefusesALineThatIsTooLong) {
  Started server = start_server();
  TcpClient client(server.port());
  client.send("5\n" + std::string(5000, '1'));
  EXPECT_EQ(client.rest(), "5 ms\nerror: the line is too long\n");
}

TEST(TcpServerTest, DoesNotWaitForAClientThatSendsNothing) {
  Started server = start_server("0.1");
  TcpClient client(server.port());
  EXPECT_EQ(client.rest(), "");
}

TEST(TcpServerTest, DoesNotWaitForAClientThatReadsNothing) {
  Started server = start_server("0.1");
  TcpClient client(server.port(), 4096);
  client.send_all_that_fits(lines("0", 10'000));
  server.wait_for_error("connection: ");
  TcpClient another(server.port());
  another.send("1\n");
  EXPECT_EQ(another.line(), "1 ms\n");
}

TEST(TcpServerTest, OutlivesAShortageOfDescriptors) {
  Started server({"sh", "-c", "ulimit -n 16; exec \"$0\" 0", EXAMPLE_TCP_SERVER});
  std::list<TcpClient> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(server.port());
  server.wait_for_error("accept: Too many open files");
  while (clients.size() > 1) clients.pop_front();
  clients.back().send("1\n");
  EXPECT_EQ(clients.back().line(), "1 ms\n");
}

TEST(TcpServerTest, OnSigtermWhatIsAtWorkEnds) {
  Started server = start_server();
  const auto port = server.port();
  TcpClient client(port);
  client.send("0\n200\n");
  EXPECT_EQ(client.line(), "0 ms\n");
  server.signal(SIGTERM);
  server.wait_for_output("draining");
  EXPECT_THROW(TcpClient another(port), boost::system::system_error);
  EXPECT_EQ(client.rest(), "200 ms\n");
  EXPECT_EQ(server.wait(), 0);
  EXPECT_NE(server.output().find("drained: 2 requests"), std::string::npos) << server.output();
}

TEST(TcpServerTest, TheDeadlineCutsOffWhatDoesNotEnd) {
  Started server = start_server("60", "0.1");
  TcpClient client(server.port());
  client.send("0\n9000\n");
  EXPECT_EQ(client.line(), "0 ms\n");
  server.signal(SIGTERM);
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(server.wait(), 0);
  EXPECT_NE(server.output().find("cut off: 1 requests"), std::string::npos) << server.output();
}

TEST(TcpServerTest, ASecondSigtermEndsItAtOnce) {
  Started server = start_server();
  TcpClient client(server.port());
  client.send("0\n9000\n");
  EXPECT_EQ(client.line(), "0 ms\n");
  server.signal(SIGTERM);
  server.wait_for_output("draining");
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 1);
  EXPECT_EQ(client.rest(), "");
}

TEST(TcpServerTest, APortThatIsTakenIsTold) {
  Started first = start_server();
  Started second({EXAMPLE_TCP_SERVER, std::to_string(first.port())});
  EXPECT_EQ(second.wait(), 1);
  EXPECT_NE(second.errors().find("Address already in use"), std::string::npos) << second.errors();
}

}  // namespace
}  // namespace example::test
