// Lines to requests, held back where --per-host says so.
#include "url_source.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <system_error>
#include <utility>

#include "fetch_error.hpp"

namespace fetch {
namespace {

// How far to look ahead for lines of other hosts while a host's slots are taken.
constexpr std::size_t parked_per_job = 16;

}  // namespace

Request to_request(Line line) {
  Request request;
  request.line = line.number;
  request.text = std::move(line.text);
  const std::string where = "line " + std::to_string(line.number) + ": ";
  if (line.too_long) {
    request.problem = where + "longer than " + std::to_string(LineSource::max_line) + " bytes";
    return request;
  }
  try {
    request.url = parse_url(request.text);
  } catch (const FetchError& error) {
    request.problem = where + error.what();
  }
  return request;
}

UrlSource::UrlSource(asio::any_io_executor executor, LineSource& lines, std::size_t per_host,
                     std::size_t concurrency)
    : lines_(lines),
      slots_(per_host, concurrency * parked_per_job),
      released_(std::move(executor), asio::steady_timer::time_point::max()),
      concurrency_(concurrency) {}

asio::awaitable<std::optional<Request>> UrlSource::next() {
  std::optional<Request> request;
  while (!request && !(ended_ && slots_.empty())) {
    if (out_ == concurrency_) {
      co_await wait_for_release();
      continue;
    }
    if ((request = slots_.take_ready())) break;
    if (ended_ || !slots_.has_room()) {
      co_await wait_for_release();
      continue;
    }
    Line line;
    const auto got = read(line);
    if (got == LineSource::Next::wait) {
      co_await lines_.wait();
    } else if (got == LineSource::Next::line) {
      Request fresh = to_request(std::move(line));
      ++taken_in_;
      unsettled_.emplace(fresh.line, fresh.text);
      if (fresh.url) {
        const std::string host = fresh.url->host;
        request = slots_.admit(host, std::move(fresh));
      } else {
        request = std::move(fresh);
      }
    }
  }
  if (request) ++out_;
  co_return request;
}

LineSource::Next UrlSource::read(Line& line) {
  auto got = LineSource::Next::end;
  try {
    got = lines_.next(line);
  } catch (const std::system_error&) {
    error_ = std::current_exception();  // what runs goes on; check() tells
  }
  if (got == LineSource::Next::end) ended_ = true;
  return got;
}

asio::awaitable<void> UrlSource::wait_for_release() {
  boost::system::error_code ignored;  // wake() aborts the wait
  co_await released_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void UrlSource::release(const Request& request) {
  --out_;
  if (request.url) slots_.release(request.url->host);
  wake();
}

void UrlSource::stop() {
  ended_ = true;
  slots_.drop_parked();
  wake();
}

double UrlSource::fraction(std::uint64_t results) const {
  if (taken_in_ == 0) return lines_.fraction();
  return lines_.fraction() * static_cast<double>(results) / static_cast<double>(taken_in_);
}

void UrlSource::check() const {
  if (error_) std::rethrow_exception(error_);
}

void UrlSource::wake() {
  lines_.wake();
  released_.cancel();
}

}  // namespace fetch
