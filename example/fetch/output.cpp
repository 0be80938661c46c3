// Small writes, each when the descriptor has room for it.
#include "output.hpp"

#include <unistd.h>

#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

namespace fetch {
namespace {

// A pipe that is ready takes so much without blocking, and in one piece: so whole lines, of which another writer's
// are then not in the middle.
std::size_t next_part(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text.size();
  const auto end = text.substr(0, PIPE_BUF).rfind('\n');
  return end == text.npos ? PIPE_BUF : end + 1;
}

}  // namespace

Output::Output(asio::any_io_executor executor, int fd)
    : fd_(fd), readiness_(std::move(executor), fd, Readiness::Direction::write) {}

asio::awaitable<void> Output::write(std::string text) {
  for (std::string_view rest = text; !rest.empty();) {
    if (!readiness_.ready()) co_await readiness_.wait();
    const auto written = ::write(fd_, rest.data(), next_part(rest));
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      throw std::system_error(errno, std::generic_category(), "cannot write the results");
    }
  }
}

}  // namespace fetch
