// Host names to addresses: several lookups at once, one per name however many jobs want it,
// remembered a while. Asio's own resolver does one lookup at a time for a whole context and cannot
// be cancelled, so that one name server that does not answer would stall every job.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace fetch {

namespace asio = boost::asio;

class Resolver {
 public:
  using Addresses = std::vector<asio::ip::address>;
  using Clock = std::chrono::steady_clock;

  explicit Resolver(asio::any_io_executor executor);

  // The addresses of a host name, or of an address in text form. Throws FetchError: resolve, or
  // timeout at the deadline. Cancelling the caller leaves the lookup to end by itself.
  asio::awaitable<Addresses> resolve(std::string host, Clock::time_point deadline);

  // Whether a lookup is still under way. The destructor waits for it: getaddrinfo cannot be
  // interrupted.
  bool busy() const { return running_ != 0; }

 private:
  struct Entry;
  std::shared_ptr<Entry> find_or_start(const std::string& host);

  asio::any_io_executor executor_;
  std::unordered_map<std::string, std::shared_ptr<Entry>> cache_;
  std::deque<std::string> oldest_first_;
  std::atomic<std::size_t> running_{0};
  asio::thread_pool threads_;
};

}  // namespace fetch
