// Asking JetStream.
#include "api.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <utility>

#include "coroexec/error.hpp"
#include "coroexec/this_task.hpp"

namespace coroexec::nats::detail {

namespace json = boost::json;

// It has no leader, or another one.
bool passes(const ApiError& error) { return error.code == 10008 || error.code == 10009; }

asio::awaitable<ApiAnswer> ask(std::shared_ptr<Link> link, std::string call, std::string body) {
  using std::chrono::nanoseconds, std::chrono::seconds, std::chrono::milliseconds;
  const nanoseconds timeout = link->settings().request_timeout;
  const nanoseconds one_try = std::min<nanoseconds>(seconds(2), timeout);
  const auto begun = coroexec::now();
  for (;;) {
    Packet packet;
    packet.subject = "$JS.API." + call;
    packet.data = body;
    std::shared_ptr<natsMsg> message;
    std::exception_ptr failure;
    try {
      message = co_await link->request(std::move(packet), one_try);
    } catch (const boost::system::system_error& error) {
      if (error.code() != errc::no_answer) throw;
      failure = std::current_exception();
    }
    const auto passed = coroexec::now() - begun;
    const bool nobody = message && !status_of(*message).empty();
    if (message && !nobody) {
      auto answer = parse_answer(data_of(*message));
      if (!passes(answer.error) || passed > timeout) co_return answer;
    }
    if (nobody && passed > std::min<nanoseconds>(seconds(3), timeout))
      throw_error(errc::no_jetstream, "there is no JetStream at " + link->settings().shown);
    if (passed > timeout)
      throw_error(errc::no_answer, "JetStream at " + link->settings().shown + " does not answer to " + call);
    if (!failure) co_await sleep_for(milliseconds(100));
  }
}

ApiAnswer parse_answer(std::string_view text) {
  ApiAnswer answer;
  boost::system::error_code failed;
  const auto value = json::parse({text.data(), text.size()}, failed);
  if (failed || !value.is_object()) {
    answer.error = {1, "an answer that is no JSON object"};
    return answer;
  }
  answer.object = value.as_object();
  if (const auto* error = answer.object.if_contains("error"); error && error->is_object()) {
    const auto& object = error->as_object();
    answer.error = {std::max<std::int64_t>(1, number_at(object, "err_code")), text_at(object, "description")};
  }
  return answer;
}

std::int64_t number_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  boost::system::error_code ignored;
  return value && value->is_number() ? value->to_number<std::int64_t>(ignored) : 0;
}

std::string text_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  return value && value->is_string() ? json::value_to<std::string>(*value) : "";
}

const json::object& object_at(const json::object& object, std::string_view name) {
  static const json::object nothing;
  const auto* value = object.if_contains({name.data(), name.size()});
  return value && value->is_object() ? value->as_object() : nothing;
}

void check_name(std::string_view what, std::string_view name) {
  const bool good = !name.empty() && name.find_first_of(" \t\r\n.*>/\\") == name.npos;
  if (!good)
    coroexec::detail::throw_error(coroexec::errc::invalid_argument,
                                  "nats: '" + std::string(name) + "' cannot be the name of a " + std::string(what) +
                                      ": it must not be empty, nor have spaces, dots, wildcards or slashes");
}

}  // namespace coroexec::nats::detail
