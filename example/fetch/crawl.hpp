// The whole list: one job a line through coroexec, results reported as they come.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <coroexec/coroexec.hpp>
#include <cstddef>

#include "fetcher.hpp"
#include "options.hpp"
#include "reporter.hpp"
#include "trace_file.hpp"
#include "url_source.hpp"

namespace fetch {

class Crawl {
 public:
  // `trace`, null for none, is told of each fetch.
  Crawl(const Options& options, UrlSource& source, Fetcher& fetcher, Reporter& reporter, TraceFile* trace = nullptr);

  // Returns when every line taken in has its result reported, be it that it was cancelled. Throws
  // std::system_error if the list cannot be read or the results cannot be written.
  asio::awaitable<void> run();

  void stop();    // takes in no more lines and starts no more; what runs goes on
  void cancel();  // cancels what runs; after stop()

  std::size_t running() const { return running_; }

 private:
  asio::awaitable<void> report_results(coroexec::AioPool& pool);
  asio::awaitable<Result> fetch_one(Request request);
  asio::awaitable<void> report_not_begun();

  const Options& options_;
  UrlSource& source_;
  Fetcher& fetcher_;
  Reporter& reporter_;
  TraceFile* trace_;
  coroexec::AioPool* pool_ = nullptr;
  std::size_t running_ = 0;
  std::size_t ready_ = 0;  // results not yet taken from the stream
  bool stopping_ = false;
};

}  // namespace fetch
