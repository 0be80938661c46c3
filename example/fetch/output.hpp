// Writing to standard output without ever blocking the event loop, however slow its reader is.
#pragma once

#include <string>
#include <string_view>

#include "readiness.hpp"

namespace fetch {

class Output {
 public:
  // `fd` stays the caller's.
  Output(asio::any_io_executor executor, int fd);

  // Returns when everything is written. Throws std::system_error.
  asio::awaitable<void> write(std::string text);

 private:
  int fd_;
  Readiness readiness_;
};

}  // namespace fetch
