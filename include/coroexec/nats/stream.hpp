// Work-queue streams: making one, and looking at it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coroexec/nats/connection.hpp"

namespace coroexec::nats {

// Of a work queue that is to be made.
struct StreamOptions {
  std::string_view name;           // without spaces, dots and wildcards
  std::string_view subjects = {};  // separated by commas; empty: the name itself
  std::size_t replicas = 1;        // servers of a cluster that keep it: 1, 3 or 5
  bool in_memory = false;          // lost with the servers
  std::chrono::nanoseconds duplicates = std::chrono::hours(1);  // how long message ids are remembered
};

// What a stream is and has at a moment.
struct StreamInfo {
  std::string name;                   // as it was made
  std::vector<std::string> subjects;  // whose messages it takes
  std::string retention;              // "workqueue", "limits" or "interest"
  std::uint64_t messages = 0;         // that it has now
  std::size_t replicas = 1;           // servers that keep it
};

// Asks for a stream. Throws no_stream or no_jetstream, naming it; no_answer.
COROEXEC_AWAITED COROEXEC_NATS_DECL asio::awaitable<StreamInfo> stream_info(const Connection& connection,
                                                                            std::string_view name);

// Makes a work queue, from which a message goes when it is acknowledged, or takes the one that is there, as it is.
// Throws wrong_stream if that is no work queue; refused, with JetStream's reason; no_answer.
COROEXEC_AWAITED COROEXEC_NATS_DECL asio::awaitable<StreamInfo> make_work_queue(const Connection& connection,
                                                                                StreamOptions options);

}  // namespace coroexec::nats
