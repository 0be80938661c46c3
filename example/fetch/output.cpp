// Small writes, each when the descriptor has room for it.
#include "output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

namespace fetch {

Output::Output(asio::any_io_executor executor, int fd)
    : fd_(fd), readiness_(std::move(executor), fd, Readiness::Direction::write) {}

asio::awaitable<void> Output::write(std::string text) {
  for (std::string_view rest = text; !rest.empty();) {
    if (!readiness_.ready()) co_await readiness_.wait();
    // A pipe that is ready takes this much without blocking.
    const auto written = ::write(fd_, rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      throw std::system_error(errno, std::generic_category(), "cannot write the results");
    }
  }
}

}  // namespace fetch
