// Where the program meets the library: a pool that bounds the jobs and their starts, a stream of
// their results.
#include "crawl.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <functional>
#include <utility>

namespace fetch {
namespace {

Result not_begun(std::uint64_t line, const std::string& text) {
  Result result;
  result.line = line;
  result.url = text;
  result.started = std::chrono::steady_clock::now();
  result.failure = Failure{ErrorKind::cancelled, "interrupted before it began"};
  return result;
}

}  // namespace

Crawl::Crawl(const Options& options, UrlSource& source, Fetcher& fetcher, Reporter& reporter, TraceFile* trace)
    : options_(options), source_(source), fetcher_(fetcher), reporter_(reporter), trace_(trace) {}

asio::awaitable<void> Crawl::run() {
  const coroexec::PoolOptions limits{.size = options_.concurrency,
                                     .max_per_second = options_.rate,
                                     .burst = options_.burst,
                                     .threading = coroexec::Threading::single,
                                     .name = "fetch"};
  const auto body = [this](coroexec::AioPool& pool) { return report_results(pool); };
  co_await coroexec::with_pool(limits, body);
  co_await report_not_begun();
  source_.check();
}

asio::awaitable<void> Crawl::report_results(coroexec::AioPool& pool) {
  pool_ = &pool;
  const auto fetch = [this](Request request) { return fetch_one(std::move(request)); };
  const coroexec::TaskOptions limit{.timeout = options_.timeout};
  auto results = pool.itermap(limit, fetch, std::ref(source_));
  while (auto result = co_await results.next()) {
    if (*result) {
      --ready_;
      reporter_.add(**result);
      source_.settle((*result)->line);
    }  // or it was cancelled before its start, and report_not_begun() tells it
    // Lines that are there at once are written at once; none waits for a fetch that still runs.
    if (ready_ == 0 || reporter_.full()) co_await reporter_.flush();
  }
  co_await reporter_.flush();
  pool_ = nullptr;
}

asio::awaitable<Result> Crawl::fetch_one(Request request) {
  Result result;
  if (stopping_) {
    result = not_begun(request.line, request.text);
  } else {
    ++running_;
    result = co_await fetcher_.fetch(request);
    --running_;
    if (trace_) trace_->add(result);
  }
  source_.release(request);
  if (stopping_ && running_ == 0) cancel();  // what waits for its start under --rate need not
  ++ready_;
  co_return result;
}

// Lines that were taken in and never handed out or never started.
asio::awaitable<void> Crawl::report_not_begun() {
  const auto lines = source_.unsettled();
  for (const auto& [line, text] : lines) {
    reporter_.add(not_begun(line, text));
    source_.settle(line);
    if (reporter_.full()) co_await reporter_.flush();
  }
  co_await reporter_.flush();
}

void Crawl::stop() {
  stopping_ = true;
  source_.stop();
  if (running_ == 0) cancel();
}

void Crawl::cancel() {
  fetcher_.cancelling();
  if (auto* pool = std::exchange(pool_, nullptr))
    asio::co_spawn(pool->get_executor(), pool->cancel(), asio::detached);
}

}  // namespace fetch
