// example/http_proxy.cpp: in front of a server that misbehaves, with curl, wrk and clients that misbehave themselves.
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>

#include "bad_server.hpp"
#include "started.hpp"
#include "tcp_client.hpp"

namespace example::test {
namespace {

namespace asio = boost::asio;
using fetch::test::BadServer;

Started start_proxy(unsigned short port, const std::string& patience = "60") {
  return Started({EXAMPLE_HTTP_PROXY, "127.0.0.1", std::to_string(port), "0", patience});
}

std::string url(const Started& proxy, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(proxy.port()) + path;
}

std::string status_of(const Started& proxy, const std::string& path) {
  return curl({"-o", "/dev/null", "-w", "%{http_code}", url(proxy, path)});
}

std::string request(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

std::string report_of(Started& proxy) {
  proxy.signal(SIGTERM);
  EXPECT_EQ(proxy.wait(), 0) << proxy.errors();
  return proxy.output();
}

TEST(HttpProxyTest, PassesOnRequestsAndResponses) {
  BadServer server;
  Started proxy = start_proxy(server.port());
  EXPECT_EQ(curl({url(proxy, "/ok")}), "fine");
  EXPECT_EQ(status_of(proxy, "/busy"), "503");
  EXPECT_EQ(curl({url(proxy, "/hints")}), "fine");
  EXPECT_NE(report_of(proxy).find("drained: 3 requests, at most 1 at the server"),
            std::string::npos)
      << proxy.output();
}

TEST(HttpProxyTest, LeavesOutWhatConcernsTheConnection) {
  BadServer server;
  Started proxy = start_proxy(server.port());
  const std::string seen =
      curl({"-H", "Connection: X-Mine", "-H", "X-Mine: 1", "-H", "X-Kept: 1", url(proxy, "/seen")});
  EXPECT_EQ(seen.find("X-Mine"), std::string::npos) << seen;
  EXPECT_NE(seen.find("X-Kept: 1"), std::string::npos) << seen;
}

TEST(HttpProxyTest, BoundsTheRequestsAtTheServer) {
  BadServer server;
  Started proxy = start_proxy(server.port());
  std::list<TcpClient> clients;
  for (int i = 0; i < 12; ++i)
    clients.emplace_back(proxy.port()).send(request("/hold", "Connection: close\r\n"));
  server.wait_for_requests(8);
  server.release();
  for (auto& client : clients) EXPECT_TRUE(client.rest().starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_NE(report_of(proxy).find("12 requests, at most 8 at the server"), std::string::npos)
      << proxy.output();
}

TEST(HttpProxyTest, RefusesWhatWouldWaitBehindTooMany) {
  BadServer server;
  Started proxy = start_proxy(server.port());
  const auto port = proxy.port();
  asio::io_context context{1};
  int refused = 0, served = 0, other = 0;
  const auto ask = [&](std::string text) -> asio::awaitable<void> {
    asio::ip::tcp::socket socket(context);
    co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
    std::string reply;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(reply), "\r\n",
                                    asio::use_awaitable);
    if (reply.starts_with("HTTP/1.1 503")) {
      if (++refused == 20) server.release();
    } else {
      ++(reply.starts_with("HTTP/1.1 200") ? served : other);
    }
  };
  for (int i = 0; i < 8 + 200 + 20; ++i)
    asio::co_spawn(context, ask(request("/hold")), asio::detached);
  context.run();
  // One for whom there is a place is among those who wait until it has begun.
  EXPECT_GE(refused, 20);
  EXPECT_LE(refused, 28);
  EXPECT_EQ(served, 228 - refused);
  EXPECT_EQ(other, 0);
}

TEST(HttpProxyTest, CarriesALoad) {
  if (!have("wrk")) GTEST_SKIP() << "there is no wrk (tools/install-deps.sh)";
  BadServer server;
  Started proxy = start_proxy(server.port());
  Started wrk({"wrk", "-t", "1", "-c", "50", "-d", "1", url(proxy, "/ok")});
  EXPECT_EQ(wrk.wait(), 0);
  EXPECT_NE(wrk.output().find("requests in"), std::string::npos) << wrk.output();
  EXPECT_EQ(wrk.output().find("Non-2xx"), std::string::npos) << wrk.output();
  EXPECT_EQ(wrk.output().find("Socket errors"), std::string::npos) << wrk.output();
  EXPECT_NE(report_of(proxy).find("at most 8 at the server"), std::string::npos) << proxy.output();
}

TEST(HttpProxyTest, AServerThatFailsIsABadGateway) {
  BadServer server;
  Started proxy = start_proxy(server.port());
  for (auto* path :
       {"/empty", "/reset", "/half-header", "/half-body", "/garbage", "/endless-header"})
    EXPECT_EQ(status_of(proxy, path), "502") << path;
  fetch::test::RefusingPort nobody;
  Started another = start_proxy(static_cast<unsigned short>(std::stoi(nobody.number())));
  EXPECT_EQ(status_of(another, "/"), "502");
}

TEST(HttpProxyTest, AServerThatIsLateIsAGatewayTimeout) {
  BadServer server;
  Started proxy = start_proxy(server.port(), "0.2");
  EXPECT_EQ(status_of(proxy, "/stall"), "504");
  EXPECT_EQ(status_of(proxy, "/stall-body"), "504");
}

TEST(HttpProxyTest, AConnectionThatTheServerHasClosedIsNoError) {
  BadServer server;
  Started proxy = start_proxy(server.port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(proxy, "/once"), "200");
}

TEST(HttpProxyTest, RefusesRequestsThatAreTooLongOrNone) {
  BadServer server;
  Started proxy = start_proxy(server.port());
  fetch::test::TempDir directory;
  const std::string large = directory.write("large", std::string(2 << 20, 'x'));
  EXPECT_EQ(curl({"-o", "/dev/null", "-w", "%{http_code}", "--data-binary", "@" + large,
                  url(proxy, "/ok")}),
            "413");
  EXPECT_EQ(curl({"-o", "/dev/null", "-w", "%{http_code}", "-H", "X: " + std::string(10'000, 'x'),
                  url(proxy, "/ok")}),
            "431");
  TcpClient client(proxy.port());
  client.send("no HTTP\r\n\r\n");
  EXPECT_TRUE(client.rest().starts_with("HTTP/1.1 400"));
}

TEST(HttpProxyTest, OnSigtermTheRequestsOnTheirWayEnd) {
  BadServer server;
  Started proxy = start_proxy(server.port());
  const auto port = proxy.port();
  TcpClient idle(port), client(port);
  client.send(request("/hold"));
  server.wait_for_requests(1);
  proxy.signal(SIGTERM);
  proxy.wait_for_output("draining");
  EXPECT_THROW(TcpClient another(port), boost::system::system_error);
  EXPECT_EQ(idle.rest(), "");
  server.release();
  const std::string reply = client.rest();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 200")) << reply;
  EXPECT_NE(reply.find("Connection: close"), std::string::npos) << reply;
  EXPECT_EQ(proxy.wait(), 0);
  EXPECT_NE(proxy.output().find("drained: 1 requests"), std::string::npos) << proxy.output();
}

TEST(HttpProxyTest, ASecondSigtermEndsItAtOnce) {
  BadServer server;
  Started proxy = start_proxy(server.port());
  TcpClient client(proxy.port());
  client.send(request("/hold"));
  server.wait_for_requests(1);
  proxy.signal(SIGTERM);
  proxy.wait_for_output("draining");
  proxy.signal(SIGTERM);
  EXPECT_EQ(proxy.wait(), 1);
  EXPECT_EQ(client.rest(), "");
}

}  // namespace
}  // namespace example::test
