// The epoll descriptor between Asio and a descriptor that is not ours alone.
#include "readiness.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <system_error>

namespace fetch {

Readiness::Readiness(asio::any_io_executor executor, int fd, Direction direction)
    : fd_(fd), poll_events_(direction == Direction::read ? POLLIN : POLLOUT), epoll_(executor) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  epoll_.assign(epoll);
  epoll_event event{};
  event.events = direction == Direction::read ? EPOLLIN : EPOLLOUT;
  // Regular files and /dev/null refuse (EPERM) because they never block; anything else that is
  // wrong with the descriptor is told by the read or write itself.
  always_ready_ = ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0;
}

bool Readiness::ready() const {
  if (always_ready_) return true;
  pollfd poll{fd_, poll_events_, 0};
  return ::poll(&poll, 1, 0) != 0;  // an error or a hang-up is for the read or write to report
}

asio::awaitable<void> Readiness::wait() {
  if (ready()) co_return;
  boost::system::error_code ignored;  // wake() aborts the wait
  co_await epoll_.async_wait(asio::posix::descriptor_base::wait_read,
                             asio::redirect_error(asio::use_awaitable, ignored));
}

void Readiness::wake() {
  boost::system::error_code ignored;
  epoll_.cancel(ignored);
}

}  // namespace fetch
