// Lines to requests, held back where --per-host says so.
#include "url_source.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

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
      slot_freed_(std::move(executor), asio::steady_timer::time_point::max()) {}

asio::awaitable<std::optional<Request>> UrlSource::next() {
  while (!stopped_) {
    if (auto ready = slots_.take_ready()) co_return ready;
    if (ended_ && slots_.empty()) break;

    Line line;
    const bool may_read = !ended_ && slots_.has_room();
    const auto got = may_read ? lines_.next(line) : LineSource::Next::wait;
    if (got == LineSource::Next::line) {
      Request request = to_request(std::move(line));
      unsettled_.emplace(request.line, request.text);
      if (!request.url) co_return request;
      const std::string host = request.url->host;
      if (auto admitted = slots_.admit(host, std::move(request))) co_return admitted;
    } else if (got == LineSource::Next::end) {
      ended_ = true;
    } else if (may_read) {
      co_await lines_.wait();
    } else {
      boost::system::error_code ignored;  // wake() aborts the wait
      co_await slot_freed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }
  co_return std::nullopt;
}

void UrlSource::release(const Request& request) {
  if (!request.url || !slots_.limited()) return;
  slots_.release(request.url->host);
  wake();
}

void UrlSource::stop() {
  stopped_ = true;
  wake();
}

void UrlSource::wake() {
  lines_.wake();
  slot_freed_.cancel();
}

}  // namespace fetch
