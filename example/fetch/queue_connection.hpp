// To the servers that the command line names.
#pragma once

#include <coroexec/nats/connection.hpp>

#include "options.hpp"

namespace fetch {

inline boost::asio::awaitable<coroexec::nats::Connection> connect_queue(const QueueOptions& queue) {
  return coroexec::nats::connect({.servers = queue.url,
                                  .credentials = queue.credentials,
                                  .ca = queue.ca,
                                  .certificate = queue.certificate,
                                  .key = queue.key,
                                  .name = "coroexec-fetch"});
}

}  // namespace fetch
