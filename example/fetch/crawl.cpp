// Where the program meets the library.
#include "crawl.hpp"

#include <utility>

namespace fetch {

Crawl::Crawl(const Options& options, UrlSource& source, Fetcher& fetcher, Reporter& reporter)
    : options_(options), source_(source), fetcher_(fetcher), reporter_(reporter) {}

asio::awaitable<void> Crawl::run() {
  // One after the other until the library's streams are there.
  while (auto request = co_await source_.next()) {
    auto result = co_await fetch_one(std::move(*request));
    const auto line = result.line;
    co_await reporter_.report(std::move(result));
    source_.settle(line);
  }
}

asio::awaitable<Result> Crawl::fetch_one(Request request) {
  ++running_;
  auto result = co_await fetcher_.fetch(request);
  --running_;
  source_.release(request);
  co_return result;
}

void Crawl::stop() { source_.stop(); }

void Crawl::cancel() {
  source_.stop();
  fetcher_.cancelling();
  if (cancel_jobs_) cancel_jobs_();
}

}  // namespace fetch
