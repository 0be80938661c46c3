// Sending a request and reading its response.
#include "http_get.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <utility>

#include "fetch_error.hpp"

namespace fetch {
namespace {

// A server that sends "100 Continue" or "103 Early Hints" without end is refused.
constexpr int max_informational = 10;

std::string_view unread(const Connection& connection) {
  const auto data = connection.buffer().cdata();
  return {static_cast<const char*>(data.data()), data.size()};
}

}  // namespace

std::string make_request(const Url& url, const std::vector<HeaderField>& fields) {
  std::string request;
  request.reserve(256);
  const auto add = [&request](const auto&... parts) { (request.append(parts), ...); };
  add("GET ", url.target, " HTTP/1.1\r\n");
  const std::string authority = url.authority();
  const struct {
    std::string_view name, value;
  } ours[] = {{"Host", authority},
              {"User-Agent", "coroexec-fetch"},
              {"Accept", "*/*"},
              {"Accept-Encoding", "gzip, deflate"}};
  for (const auto& field : ours) {
    if (std::ranges::none_of(fields, [&](const auto& given) {
          return boost::beast::iequals(given.name, field.name);
        }))
      add(field.name, ": ", field.value, "\r\n");
  }
  for (const auto& field : fields) add(field.name, ": ", field.value, "\r\n");
  add("\r\n");
  return request;
}

asio::awaitable<Exchange> http_get(Connection& connection, std::string_view request, Body& body) {
  request.remove_prefix(connection.try_write(request));
  if (!request.empty()) co_await connection.write(request);
  for (int informational = 0; informational < max_informational; ++informational) {
    ResponseParser parser(body);
    for (;;) {
      connection.buffer().consume(parser.put(unread(connection)));
      if (parser.done()) break;
      const bool more = co_await connection.read_more();
      if (!more) {
        parser.put_end();
        break;
      }
    }
    if (!parser.informational())
      co_return Exchange{parser.response(), parser.reusable() && unread(connection).empty()};
  }
  throw FetchError(ErrorKind::protocol, "the server sends informational responses without end");
}

}  // namespace fetch
