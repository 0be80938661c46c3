// Redirects, retries and the telling of errors.
#include "fetcher.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

namespace fetch {
namespace {

using Clock = std::chrono::steady_clock;

std::string body_path(const Options& options, std::uint64_t line) {
  if (options.output_dir.empty()) return {};
  char name[32];
  std::snprintf(name, sizeof name, "/%08llu.body", static_cast<unsigned long long>(line));
  return options.output_dir + name;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_transient(int status) {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

std::string in_seconds(std::chrono::nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", static_cast<double>(time.count()) * 1e-9);
  return text;
}

}  // namespace

struct Fetcher::Job {
  Result result;
  Url url;
  std::string origin;  // of url
  std::string first_origin;
  Body body;
  unsigned retries_left;
  Clock::time_point deadline;
  const char* doing = "starting";
  std::string last_error;  // that a retry was to mend
};

Fetcher::Fetcher(asio::any_io_executor executor, const Options& options)
    : executor_(executor),
      options_(options),
      tls_(make_tls_context(options)),
      lacks_authorities_(!options.insecure && options.cacert.empty()),
      resolver_(executor),
      pool_(executor, options.concurrency),
      random_(std::random_device{}()) {}

asio::awaitable<Result> Fetcher::fetch(Request& request) {
  const auto now = Clock::now();
  Job job{.result = {},
          .url = {},
          .origin = {},
          .first_origin = {},
          .body = Body(options_.max_body, body_path(options_, request.line)),
          .retries_left = options_.retries,
          .deadline = now + options_.timeout,
          .doing = "starting",
          .last_error = {}};
  Result& result = job.result;
  result.line = request.line;
  result.url = std::move(request.text);
  result.started = now;
  try {
    if (!request.url) throw FetchError(ErrorKind::invalid_url, request.problem);
    job.url = *request.url;
    job.origin = job.first_origin = job.url.origin();
    co_await follow(job);
  } catch (const FetchError& error) {
    result.failure = Failure{error.kind(), error.what()};
  } catch (const boost::system::system_error& error) {
    const bool aborted = error.code() == asio::error::operation_aborted;
    result.failure = aborted ? stopped(job) : Failure{ErrorKind::internal, error.what()};
  } catch (const std::exception& error) {
    result.failure = Failure{ErrorKind::internal, error.what()};
  }
  if (!result.failure) result.bytes = job.body.bytes();
  result.elapsed = Clock::now() - result.started;
  co_return std::move(result);
}

asio::awaitable<void> Fetcher::follow(Job& job) {
  for (unsigned redirects = 0;; ++redirects) {
    const Response response = co_await get_with_retries(job);
    const std::string answer = std::to_string(response.status);
    if (!is_redirect(response.status)) {
      if (response.status >= 400)
        throw FetchError(ErrorKind::http_status, "the server answered " + answer +
                                                     (response.reason.empty() ? "" : " ") +
                                                     response.reason);
      co_return;
    }
    if (redirects == options_.max_redirects)
      throw FetchError(ErrorKind::redirect,
                       "more than " + std::to_string(redirects) + " redirects (--max-redirects)");
    if (response.location.empty())
      throw FetchError(ErrorKind::redirect,
                       "the server answered " + answer + " without saying where to");
    try {
      job.url = resolve_reference(job.url, response.location);
    } catch (const FetchError& error) {
      throw FetchError(ErrorKind::redirect, "the redirect to \"" +
                                                response.location.substr(0, 200) +
                                                "\" leads nowhere: " + error.what());
    }
    job.origin = job.url.origin();
    job.result.final_url = job.url.to_string();
  }
}

asio::awaitable<Response> Fetcher::get_with_retries(Job& job) {
  for (unsigned retry = 0;; ++retry) {
    std::optional<FetchError> failed;
    Response response;
    try {
      response = co_await get(job);
      job.result.status = response.status;
      if (!is_transient(response.status)) co_return response;
    } catch (const FetchError& error) {
      if (!error.worth_retrying()) throw;
      failed = error;
    }
    const auto again = Clock::now() + retry_delay(retry, response);
    if (job.retries_left == 0 || again >= job.deadline) {
      if (failed) throw *failed;
      co_return response;
    }
    --job.retries_left;
    ++retries_;
    job.last_error = failed ? failed->what() : "status " + std::to_string(response.status);
    job.doing = "waiting for the next attempt";
    asio::steady_timer timer(executor_, again);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<Response> Fetcher::get(Job& job) {
  ++job.result.attempts;
  // The user's fields may be credentials; they are for the host that the list names.
  static const std::vector<HeaderField> none;
  const std::string request =
      make_request(job.url, job.origin == job.first_origin ? options_.headers : none);
  for (bool fresh = false;; fresh = true) {
    std::unique_ptr<Connection> connection;
    if (!fresh) connection = pool_.take(job.origin);
    const bool reused = connection != nullptr;
    if (!reused) connection = co_await connect(job);
    const auto received = connection->received();
    job.doing = "waiting for the response";
    try {
      Exchange exchange = co_await http_get(*connection, request, job.body);
      if (exchange.reusable) pool_.put(job.origin, std::move(connection));
      co_return std::move(exchange.response);
    } catch (const FetchError& error) {
      // A server may close an idle connection just when we use it. That says nothing about the URL.
      const bool stale =
          reused && error.kind() == ErrorKind::disconnected && connection->received() == received;
      if (!stale) throw;
    }
  }
}

asio::awaitable<std::unique_ptr<Connection>> Fetcher::connect(Job& job) {
  const auto deadline = Clock::now() + options_.connect_timeout;
  job.doing = "looking up the host name";
  const auto addresses = co_await resolver_.resolve(job.url.host, deadline);
  if (job.url.secure() && std::exchange(lacks_authorities_, false)) tls_.set_default_verify_paths();
  job.doing = "connecting";
  auto connection = pool_.make();
  co_await connection->open(job.url, addresses, deadline, tls_);
  co_return connection;
}

// Doubles with each retry; up to half more at random, so that many jobs do not come back all at
// once.
std::chrono::nanoseconds Fetcher::retry_delay(unsigned retry, const Response& response) {
  const auto base = options_.retry_delay * (std::int64_t{1} << std::min(retry, 16u));
  std::uniform_int_distribution<std::int64_t> more(0, base.count() / 2);
  return std::max<std::chrono::nanoseconds>(base + std::chrono::nanoseconds(more(random_)),
                                            response.retry_after);
}

Failure Fetcher::stopped(const Job& job) const {
  if (cancelling_) return {ErrorKind::cancelled, std::string("interrupted while ") + job.doing};
  std::string text =
      "not done within --timeout (" + in_seconds(options_.timeout) + "), at the end " + job.doing;
  if (!job.last_error.empty()) text += "; the attempt before: " + job.last_error;
  return {ErrorKind::timeout, text};
}

}  // namespace fetch
