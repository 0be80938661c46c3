// Name lookups by getaddrinfo on a few threads.
#include "resolver.hpp"

#include <netdb.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "fetch_error.hpp"

namespace fetch {
namespace {

constexpr std::size_t threads = 16;
constexpr std::size_t max_cached = 10'000;
constexpr std::chrono::seconds keep_success{60};
constexpr std::chrono::seconds keep_failure{10};

struct Answer {
  Resolver::Addresses addresses;
  std::string error;  // empty if there are addresses
  Retry retry = Retry::no;
};

Answer look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  Answer answer;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0) {
    const int system_error = errno;
    answer.error = "cannot resolve " + host + ": " +
                   (error == EAI_SYSTEM ? std::generic_category().message(system_error)
                                        : ::gai_strerror(error));
    answer.retry = error == EAI_AGAIN ? Retry::yes : Retry::no;
    return answer;
  }
  for (const addrinfo* info = list; info; info = info->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), info->ai_addr,
                std::min<std::size_t>(info->ai_addrlen, endpoint.capacity()));
    answer.addresses.push_back(endpoint.address());
  }
  ::freeaddrinfo(list);
  return answer;
}

// Takes a waiting timer out of the entry whatever ends the wait.
class Waiting {
 public:
  Waiting(std::vector<asio::steady_timer*>& list, asio::steady_timer& timer)
      : list_(list), timer_(timer) {
    list_.push_back(&timer_);
  }
  ~Waiting() { std::erase(list_, &timer_); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::vector<asio::steady_timer*>& list_;
  asio::steady_timer& timer_;
};

}  // namespace

struct Resolver::Entry {
  bool done = false;
  Answer answer;
  Clock::time_point expiry;
  std::vector<asio::steady_timer*> waiting;

  void finish(Answer result) {
    answer = std::move(result);
    done = true;
    const auto keep = answer.error.empty()         ? keep_success
                      : answer.retry == Retry::yes ? std::chrono::seconds(0)
                                                   : keep_failure;
    expiry = Clock::now() + keep;
    for (auto* timer : waiting) timer->cancel();
  }
};

Resolver::Resolver(asio::any_io_executor executor)
    : executor_(std::move(executor)), threads_(threads) {}

std::shared_ptr<Resolver::Entry> Resolver::find_or_start(const std::string& host) {
  auto& slot = cache_[host];
  const bool known = slot != nullptr;
  if (known && (!slot->done || Clock::now() < slot->expiry)) return slot;
  const auto entry = slot = std::make_shared<Entry>();
  if (!known) {
    oldest_first_.push_back(host);
    if (oldest_first_.size() > max_cached) {
      cache_.erase(oldest_first_.front());
      oldest_first_.pop_front();
    }
  }
  ++running_;
  asio::post(threads_, [this, host, entry, executor = executor_] {
    Answer answer = look_up(host);
    asio::post(executor,
               [entry, answer = std::move(answer)]() mutable { entry->finish(std::move(answer)); });
    --running_;
  });
  return entry;
}

asio::awaitable<Resolver::Addresses> Resolver::resolve(std::string host,
                                                       Clock::time_point deadline) {
  boost::system::error_code error;
  const auto literal = asio::ip::make_address(host, error);
  if (!error) co_return Addresses{literal};

  const auto entry = find_or_start(host);
  if (!entry->done) {
    asio::steady_timer timer(executor_, deadline);
    const Waiting waiting(entry->waiting, timer);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (!entry->done && error) throw boost::system::system_error(error);  // the job is cancelled
  }
  if (!entry->done)
    throw FetchError(ErrorKind::timeout,
                     "no name server answered for " + host + " within --connect-timeout",
                     Retry::yes);
  if (!entry->answer.error.empty())
    throw FetchError(ErrorKind::resolve, entry->answer.error, entry->answer.retry);
  co_return entry->answer.addresses;
}

}  // namespace fetch
