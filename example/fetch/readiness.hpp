// Waiting until a descriptor that other programs share (standard input, standard output) is ready.
// Asio's stream_descriptor would make it non-blocking, and that flag belongs to the open file: the
// shell and every program in the pipeline would get it too. So Asio watches an epoll descriptor of
// our own, which watches the shared one.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace fetch {

namespace asio = boost::asio;

class Readiness {
 public:
  enum class Direction { read, write };

  // `fd` stays the caller's and must outlive this.
  Readiness(asio::any_io_executor executor, int fd, Direction direction);

  bool ready() const;            // now; a regular file always is
  asio::awaitable<void> wait();  // until ready, or wake(); may return early
  void wake();

 private:
  int fd_;
  short poll_events_;
  bool always_ready_ = false;
  asio::posix::stream_descriptor epoll_;
};

}  // namespace fetch
