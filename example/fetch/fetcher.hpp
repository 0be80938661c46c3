// Fetching one URL from beginning to end: redirects are followed, passing faults are tried again.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>

#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "connection_pool.hpp"
#include "http_get.hpp"
#include "options.hpp"
#include "resolver.hpp"
#include "result.hpp"
#include "url_source.hpp"

namespace fetch {

class Fetcher {
 public:
  // Throws std::runtime_error if --cacert cannot be read.
  Fetcher(asio::any_io_executor executor, const Options& options);

  // Never throws what is only this URL's trouble: every error is told in the result. That goes for
  // cancellation too, which is the job's deadline unless cancelling() was called.
  // Moves the text out of the request.
  asio::awaitable<Result> fetch(Request& request);

  // The jobs are about to be cancelled because the user asked for it.
  void cancelling() { cancelling_ = true; }

  const ConnectionPool& connections() const { return pool_; }
  const Resolver& resolver() const { return resolver_; }
  std::uint64_t retries() const { return retries_; }

 private:
  struct Job;

  asio::awaitable<void> follow(Job& job);
  asio::awaitable<Response> get_with_retries(Job& job);
  asio::awaitable<Response> get(Job& job);
  asio::awaitable<std::unique_ptr<Connection>> connect(Job& job);
  std::chrono::nanoseconds retry_delay(unsigned retry, const Response& response);
  Failure stopped(const Job& job) const;

  asio::any_io_executor executor_;
  const Options& options_;
  asio::ssl::context tls_;
  bool lacks_authorities_;  // reading the system's takes 30 ms: done for the first https URL
  Resolver resolver_;
  ConnectionPool pool_;
  std::minstd_rand random_;
  std::uint64_t retries_ = 0;
  bool cancelling_ = false;
};

}  // namespace fetch
