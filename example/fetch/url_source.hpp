// What there is to fetch, one line at a time, in the form coroexec's streams take: next() gives the
// next line that may start, or nothing at the end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <exception>
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
  std::string problem;  // why there is no url
};

Request to_request(Line line);

class UrlSource {
 public:
  // Hands out at most `concurrency` lines at once, so that Ctrl-C finds none taken in and not
  // begun.
  UrlSource(asio::any_io_executor executor, LineSource& lines, std::size_t per_host,
            std::size_t concurrency);

  // The next line to fetch. Nothing at the end of the list, after stop(), and when reading failed.
  asio::awaitable<std::optional<Request>> next();

  // The line's fetch has ended: another may start.
  void release(const Request& request);
  // The line's result has been handed to the reporter.
  void settle(std::uint64_t line) { unsettled_.erase(line); }

  // Takes in no more lines.
  void stop();
  // Throws the std::system_error that ended the reading, if one did.
  void check() const;

  // Lines read that have not settled, those that wait for their host included. By number.
  const std::map<std::uint64_t, std::string>& unsettled() const { return unsettled_; }
  // How much of the list that so many results are, 0 to 1; negative if its size is not known.
  double fraction(std::uint64_t results) const;

 private:
  LineSource::Next read(Line& line);
  asio::awaitable<void> wait_for_release();
  void wake();

  LineSource& lines_;
  HostSlots<Request> slots_;
  asio::steady_timer released_;
  std::map<std::uint64_t, std::string> unsettled_;
  std::size_t concurrency_;
  std::size_t out_ = 0;
  std::uint64_t taken_in_ = 0;
  bool ended_ = false;
  std::exception_ptr error_;
};

}  // namespace fetch
