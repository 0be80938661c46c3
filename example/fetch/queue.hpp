// The list as a work queue that any number of machines take from: `enqueue` fills it, `work` empties it.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "options.hpp"

namespace fetch {

namespace asio = boost::asio;

// Publishes every line of the list. Gives the exit status; throws what names the server or the stream that is not as
// it should be.
asio::awaitable<int> enqueue(const Options& options);

// Fetches what is queued until Ctrl-C, or the queue is empty if that is asked for.
asio::awaitable<int> work(const Options& options);

}  // namespace fetch
