// SocketWatch: the client's socket, watched by the context in place of a thread of the client's.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <mutex>

#include "client.hpp"

namespace coroexec::nats::detail {

using Strand = asio::strand<asio::any_io_executor>;

class Link;

// One for each time the client connects. The client may close its descriptor whenever it likes: a duplicate is watched.
class SocketWatch : public std::enable_shared_from_this<SocketWatch> {
 public:
  // Keeps the link, and with it the client's connection, while a handler is under way.
  SocketWatch(std::shared_ptr<Link> link, const Strand& strand, natsConnection* connection, natsSock socket);

  // Any thread, with the client's lock held or without.
  void start();
  void stop();
  void want_to_write(bool wanted);

 private:
  void read();
  void write();
  bool stopped();

  const std::shared_ptr<Link> link_;
  const Strand strand_;
  natsConnection* const connection_;
  [[maybe_unused]] const natsSock socket_;  // newer clients leave its closing to us
  asio::posix::basic_stream_descriptor<Strand> descriptor_;  // on the strand
  std::mutex mutex_;
  bool stopped_ = false;
  bool write_wanted_ = false;
  bool writing_ = false;  // a call of write() is to come
};

}  // namespace coroexec::nats::detail
