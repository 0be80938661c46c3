// Waiting for the socket, and telling the client.
#include "socket_watch.hpp"

#include <fcntl.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "link.hpp"

namespace coroexec::nats::detail {

SocketWatch::SocketWatch(std::shared_ptr<Link> link, const Strand& strand, natsConnection* connection,
                         natsSock socket)
    : link_(std::move(link)), strand_(strand), connection_(connection), socket_(socket), descriptor_(strand) {
  const int duplicate = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) throw std::system_error(errno, std::generic_category(), "dup");
  descriptor_.assign(duplicate);
}

void SocketWatch::start() {
  asio::post(strand_, [self = shared_from_this()] {
    if (!self->stopped()) self->read();
  });
}

void SocketWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  asio::post(strand_, [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->descriptor_.close(ignored);
#ifdef COROEXEC_NATS_HAS_CLOSE_EVENT
    natsSock socket = self->socket_;  // newer clients leave it to us
    natsConnection_ProcessCloseEvent(&socket);
#endif
  });
}

bool SocketWatch::stopped() {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void SocketWatch::read() {
  descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                         [self = shared_from_this()](boost::system::error_code error) {
                           if (error || self->stopped()) return;
                           natsConnection_ProcessReadEvent(self->connection_);
                           if (!self->stopped()) self->read();
                         });
}

void SocketWatch::want_to_write(bool wanted) {
  {
    const std::lock_guard lock(mutex_);
    write_wanted_ = wanted;
    if (!wanted || writing_ || stopped_) return;
    writing_ = true;
  }
  // Not at once: what is sent until then goes in one piece.
  asio::post(strand_, [self = shared_from_this()] { self->write(); });
}

void SocketWatch::write() {
  if (stopped()) return;
  natsConnection_ProcessWriteEvent(connection_);
  {
    const std::lock_guard lock(mutex_);
    writing_ = write_wanted_ && !stopped_;
    if (!writing_) return;
  }
  descriptor_.async_wait(asio::posix::descriptor_base::wait_write,
                         [self = shared_from_this()](boost::system::error_code error) {
                           if (!error) self->write();
                         });
}

}  // namespace coroexec::nats::detail
