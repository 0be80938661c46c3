// example/crawler.cpp: on a small site that counts its requests.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <thread>

#include "started.hpp"

namespace example::test {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Gives its pages after a while, 404 for others, and never anything for /never.
class Site {
 public:
  explicit Site(std::map<std::string, std::string> pages)
      : pages_(std::move(pages)), acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
    asio::co_spawn(context_, accept_all(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Site() {
    context_.stop();
    thread_.join();
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
  }

 private:
  asio::awaitable<void> accept_all() {
    for (;;)
      asio::co_spawn(context_, serve(co_await acceptor_.async_accept(asio::use_awaitable)),
                     asio::detached);
  }
  asio::awaitable<void> serve(asio::ip::tcp::socket socket) {
    std::string request;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n",
                                    asio::use_awaitable);
    const std::string path = request.substr(4, request.find(' ', 4) - 4);
    asio::steady_timer pause(context_, path == "/never" ? 1h : 5ms);
    co_await pause.async_wait(asio::use_awaitable);
    const auto page = pages_.find(path);
    const std::string reply =
        page == pages_.end()
            ? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            : "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" +
                  page->second;
    co_await asio::async_write(socket, asio::buffer(reply), asio::use_awaitable);
  }

  std::map<std::string, std::string> pages_;
  asio::io_context context_{1};
  asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

std::string link(const std::string& to) { return "<a href=\"" + to + "\">there</a>\n"; }

std::string sorted_lines(std::string text) {
  std::vector<std::string> lines;
  for (std::istringstream in(text); std::getline(in, text);) lines.push_back(text + "\n");
  std::ranges::sort(lines);
  std::string all;
  for (const auto& line : lines) all += line;
  return all;
}

TEST(CrawlerTest, FollowsLinksOfTheSameHost) {
  Site site(
      {{"/", link("a/b.html") + link("/c#part") + link("http://other.example/") +
                 link("//other.example/x") + link("mailto:a@b") + link("#top") + link("/?q=1")},
       {"/a/b.html", link("../c") + link("d") + link("/")},
       {"/a/d", ""},
       {"/?q=1", ""},
       {"/c", ""}});
  Started crawler({EXAMPLE_CRAWLER, site.url("/")});
  EXPECT_EQ(crawler.wait(), 0) << crawler.errors();
  EXPECT_EQ(sorted_lines(crawler.output()).substr(0, 50),
            "5 pages, 0 failed, at most 3 at once\nok /\nok /?q=1");
  EXPECT_NE(crawler.output().find("ok /a/d\n"), std::string::npos) << crawler.output();
}

TEST(CrawlerTest, GoesNoDeeperThanItIsTold) {
  Site site({{"/", link("1")}, {"/1", link("2")}, {"/2", link("3")}, {"/3", ""}});
  Started crawler({EXAMPLE_CRAWLER, site.url("/"), "2"});
  EXPECT_EQ(crawler.wait(), 0) << crawler.errors();
  EXPECT_EQ(crawler.output(), "ok /\nok /1\nok /2\n3 pages, 0 failed, at most 1 at once\n");
}

TEST(CrawlerTest, BoundsThePagesAtOnce) {
  std::map<std::string, std::string> pages;
  for (int i = 0; i < 100; ++i) {
    pages["/"] += link(std::to_string(i));
    pages["/" + std::to_string(i)] = link("/" + std::to_string(i) + "/more");
    pages["/" + std::to_string(i) + "/more"] = "";
  }
  Site site(pages);
  Started crawler({EXAMPLE_CRAWLER, site.url("/"), "3", "5"});
  EXPECT_EQ(crawler.wait(), 0) << crawler.errors();
  EXPECT_NE(crawler.output().find("201 pages, 0 failed, at most 5 at once\n"), std::string::npos)
      << crawler.output();
}

TEST(CrawlerTest, APageThatFailsIsToldAndTheOthersGoOn) {
  Site site({{"/", link("missing") + link("never") + link("large") + link("good")},
             {"/good", ""},
             {"/large", std::string(2 << 20, ' ')}});
  Started crawler({EXAMPLE_CRAWLER, site.url("/"), "3", "8", "0.3"});
  EXPECT_EQ(crawler.wait(), 1);
  EXPECT_NE(crawler.output().find("ok /good\n"), std::string::npos) << crawler.output();
  EXPECT_NE(crawler.output().find("failed /missing: status 404"), std::string::npos)
      << crawler.output();
  EXPECT_NE(crawler.output().find("failed /large: body limit"), std::string::npos)
      << crawler.output();
  EXPECT_NE(crawler.output().find("exceeded its timeout of 300 ms"), std::string::npos)
      << crawler.output();
  EXPECT_NE(crawler.output().find("2 pages, 3 failed"), std::string::npos) << crawler.output();
}

TEST(CrawlerTest, CtrlCEndsIt) {
  Site site({{"/", link("never")}});
  Started crawler({EXAMPLE_CRAWLER, site.url("/"), "3", "8", "60"});
  crawler.wait_for_output("ok /\n");
  crawler.signal(SIGINT);
  EXPECT_EQ(crawler.wait(), 1);
}

}  // namespace
}  // namespace example::test
