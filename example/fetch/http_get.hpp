// One GET on a connection: the request, then the response that belongs to it.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

#include "connection.hpp"
#include "options.hpp"
#include "response_parser.hpp"

namespace fetch {

// The request for the URL. Fields given here replace ours of the same name.
std::string make_request(const Url& url, const std::vector<HeaderField>& fields);

struct Exchange {
  Response response;
  bool reusable = false;  // the connection can be used again
};

// Sends the request and reads the response; its body goes to `body`. Throws FetchError.
asio::awaitable<Exchange> http_get(Connection& connection, std::string_view request, Body& body);

}  // namespace fetch
