// What there is to fetch, one line at a time, in the form coroexec's streams take: next() gives the
// next line that may start, or nothing at the end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <optional>
#include <string>

#include "host_slots.hpp"
#include "line_source.hpp"
#include "url.hpp"

namespace fetch {

struct Request {
  std::uint64_t line = 0;
  std::string text;
  std::optional<Url> url;
  std::string problem;  ///< why there is no url
};

Request to_request(Line line);

class UrlSource {
public:
  UrlSource(asio::any_io_executor executor, LineSource& lines, std::size_t per_host,
            std::size_t concurrency);

  /// The next line to fetch. Nothing at the end of the list and after stop(). Throws
  /// std::system_error if the list cannot be read further.
  asio::awaitable<std::optional<Request>> next();

  /// The line's fetch has ended: its host's slot is free.
  void release(const Request& request);
  /// The line's result has been written.
  void settle(std::uint64_t line) { unsettled_.erase(line); }

  /// Takes in no more lines.
  void stop();
  bool stopped() const { return stopped_; }

  /// Lines read whose result is not written yet, those that wait for their host included. By
  /// number.
  const std::map<std::uint64_t, std::string>& unsettled() const { return unsettled_; }
  double fraction() const { return lines_.fraction(); }

private:
  void wake();

  LineSource& lines_;
  HostSlots<Request> slots_;
  asio::steady_timer slot_freed_;
  std::map<std::uint64_t, std::string> unsettled_;
  bool ended_ = false;
  bool stopped_ = false;
};

}  // namespace fetch
