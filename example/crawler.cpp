// A crawler: fetches a page and all it links to on the same host, so many links deep. The set of
// jobs grows from within: a job that has read a page hands in a job for each link. Bounded are the
// pages at once, those in all, the size of a page and the time for it. Links are found naively, in
// href="…"; http only, no redirects.
//
//   python3 -m http.server 8000 -d /usr/share/doc &
//   example_crawler http://127.0.0.1:8000/ 2       # URL[, depth[, pages at once[, seconds for a page]]]
#include <algorithm>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using coroexec::CoroutineExecutor;

static constexpr std::size_t max_pages = 10'000;
static constexpr std::size_t max_page = 1 << 20;

struct Site {
  std::string host, port = "80", path = "/";
  std::string authority() const { return port == "80" ? host : host + ':' + port; }
};

// http://HOST[:PORT][/PATH]
static std::optional<Site> parse_url(std::string_view url) {
  if (!url.starts_with("http://")) return std::nullopt;
  url.remove_prefix(7);
  Site site;
  const auto authority = url.substr(0, url.find_first_of("/?#"));
  site.host = authority.substr(0, authority.find(':'));
  if (site.host.size() < authority.size()) site.port = authority.substr(site.host.size() + 1);
  if (const auto path = url.substr(authority.size()); path.starts_with('/'))
    site.path = path.substr(0, path.find('#'));
  return site.host.empty() ? std::nullopt : std::optional(site);
}

// The path that `link` on the page `base` leads to, if that is on this site.
static std::optional<std::string> resolve_link(const Site& site, const std::string& base,
                                               std::string_view link) {
  link = link.substr(0, link.find('#'));
  if (link.empty() || link.starts_with("//")) return std::nullopt;
  if (link.substr(0, link.find_first_of("/?")).find(':') != link.npos) {  // it has a scheme
    const auto other = parse_url(link);
    return other && other->authority() == site.authority() ? std::optional(other->path)
                                                           : std::nullopt;
  }
  const std::filesystem::path page = base.substr(0, base.find('?'));
  const auto query = std::min(link.find('?'), link.size());
  const auto path =
      query == 0 ? page : (page.parent_path() / link.substr(0, query)).lexically_normal();
  return path.string() + std::string(link.substr(query));
}

class Crawl {
 public:
  Crawl(CoroutineExecutor& executor, Site site, tcp::resolver::results_type addresses, int depth,
        std::chrono::nanoseconds patience)
      : executor_(executor),
        site_(std::move(site)),
        addresses_(std::move(addresses)),
        depth_(depth),
        patience_(patience) {}

  // Called by the jobs as well. Never waits: a job that waited for room for another would hold its own slot meanwhile.
  void add(std::string path, int depth) {
    if (depth > depth_ || seen_.size() >= max_pages || !seen_.insert(path).second) return;
    executor_.submit_nowait(&Crawl::visit, this, std::move(path), depth);
  }

  bool report() const {
    std::cout << pages_ << " pages, " << failed_ << " failed, at most " << most_ << " at once"
              << std::endl;
    return failed_ == 0;
  }

 private:
  awaitable<void> visit(std::string path, int depth) {
    most_ = std::max(most_, ++now_);
    const auto page = co_await coroexec::as_outcome(coroexec::with_timeout(patience_, get(path)));
    --now_;
    try {
      add_links(path, page.value(), depth + 1);
      ++pages_;
      std::cout << "ok " << path << std::endl;
    } catch (const std::exception& error) {  // of this page only
      ++failed_;
      std::cout << "failed " << path << ": " << error.what() << std::endl;
    }
  }

  // The page if it may have links, else nothing.
  awaitable<std::string> get(std::string path) {
    beast::tcp_stream stream(co_await asio::this_coro::executor);
    co_await stream.async_connect(addresses_, use_awaitable);
    http::request<http::empty_body> request(http::verb::get, path, 11);
    request.set(http::field::host, site_.authority());
    request.set(http::field::user_agent, "coroexec-crawler");
    request.keep_alive(false);
    co_await http::async_write(stream, request, use_awaitable);
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> response;
    response.body_limit(max_page);
    co_await http::async_read_header(stream, buffer, response, use_awaitable);
    if (response.get().result_int() / 100 != 2)
      throw std::runtime_error("status " + std::to_string(response.get().result_int()));
    if (!response.get()[http::field::content_type].starts_with("text/html")) co_return "";
    co_await http::async_read(stream, buffer, response, use_awaitable);
    co_return std::move(response.get().body());
  }

  void add_links(const std::string& base, std::string_view page, int depth) {
    static constexpr std::string_view mark = "href=\"";
    for (auto at = page.find(mark); at != page.npos; at = page.find(mark, at)) {
      at += mark.size();
      const auto link = page.substr(at, page.find('"', at) - at);
      if (auto path = resolve_link(site_, base, link)) add(std::move(*path), depth);
    }
  }

  CoroutineExecutor& executor_;
  const Site site_;
  const tcp::resolver::results_type addresses_;
  const int depth_;
  const std::chrono::nanoseconds patience_;
  std::set<std::string> seen_;
  std::size_t now_ = 0, most_ = 0, pages_ = 0, failed_ = 0;
};

static awaitable<bool> crawl(Site site, int depth, std::size_t at_once,
                             std::chrono::nanoseconds patience) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  auto addresses = co_await resolver.async_resolve(site.host, site.port, use_awaitable);
  std::optional<Crawl> all;  // of this frame: the jobs refer to it until the scope ends
  auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    all.emplace(executor, site, std::move(addresses), depth, patience);
    all->add(site.path, 0);
    co_return;  // the scope waits for the jobs, and for those they hand in
  };
  co_await coroexec::with_executor({.max_workers = at_once}, body);
  co_return all->report();
}

int main(int argc, char** argv) {
  const auto site = parse_url(argc > 1 ? argv[1] : "");
  const auto number = [&](int i, double otherwise) {
    return argc > i ? std::atof(argv[i]) : otherwise;
  };
  if (!site) {
    std::cerr << "usage: example_crawler http://HOST[:PORT][/PATH] [DEPTH [AT-ONCE [SECONDS]]]\n";
    return 2;
  }
  try {
    const std::chrono::milliseconds patience(static_cast<int>(1000 * number(4, 10)));
    return coroexec::run(crawl(*site, static_cast<int>(number(2, 3)),
                               static_cast<std::size_t>(number(3, 8)), patience))
               ? 0
               : 1;
  } catch (const std::exception& error) {  // no such host, Ctrl-C, which cancels all
    std::cerr << error.what() << '\n';
    return 1;
  }
}
