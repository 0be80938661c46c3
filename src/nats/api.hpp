// JetStream's API: requests and answers in JSON.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "link.hpp"

namespace coroexec::nats::detail {

// An error that JetStream answers with.
struct ApiError {
  std::int64_t code = 0;  // JetStream's own; 0: none
  std::string text;
};
inline constexpr std::int64_t consumer_not_found = 10014;
inline constexpr std::int64_t stream_not_found = 10059;

bool passes(const ApiError& error);  // there may be none when asked again

struct ApiAnswer {
  boost::json::object object;
  ApiError error;
  bool failed() const { return error.code != 0; }
};

// Asks $JS.API.<call>, which has to be such that asking twice does no harm. While nobody answers, as in a cluster that
// elects a leader, it asks again. Throws no_jetstream or no_answer.
asio::awaitable<ApiAnswer> ask(std::shared_ptr<Link> link, std::string call, std::string body);

// The answer to something that was sent: JSON with or without an error.
ApiAnswer parse_answer(std::string_view text);

std::int64_t number_at(const boost::json::object& object, std::string_view name);
std::string text_at(const boost::json::object& object, std::string_view name);
// One that may be missing: then it is empty.
const boost::json::object& object_at(const boost::json::object& object, std::string_view name);

// Throws invalid-argument if `name` cannot be that of a stream or consumer.
void check_name(std::string_view what, std::string_view name);

}  // namespace coroexec::nats::detail
