// Error codes, and what the C client tells.
#include "client.hpp"

#include <boost/system/generic_category.hpp>

namespace coroexec::nats {
namespace {

// The exception's text without the code's own message, which is a repetition.
class NatsError : public boost::system::system_error {
 public:
  NatsError(boost::system::error_code code, std::string text) : system_error(code), text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "coroexec.nats"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::unreachable: return "no server answers";
      case errc::unauthorized: return "the server refuses the credentials";
      case errc::no_jetstream: return "the server has no JetStream";
      case errc::no_stream: return "there is no such stream";
      case errc::wrong_stream: return "the stream is no work queue";
      case errc::wrong_consumer: return "the consumer cannot be pulled from";
      case errc::refused: return "JetStream refuses";
      case errc::no_answer: return "JetStream does not answer";
      case errc::closed: return "the connection has been closed";
    }
    return "unknown error";
  }
  boost::system::error_condition default_error_condition(int value) const noexcept override {
    namespace generic = boost::system::errc;
    switch (static_cast<errc>(value)) {
      case errc::unreachable: return generic::make_error_condition(generic::host_unreachable);
      case errc::unauthorized: return generic::make_error_condition(generic::permission_denied);
      case errc::no_jetstream: return generic::make_error_condition(generic::operation_not_supported);
      case errc::no_stream: return generic::make_error_condition(generic::no_such_file_or_directory);
      case errc::wrong_stream:
      case errc::wrong_consumer: return generic::make_error_condition(generic::invalid_argument);
      case errc::refused: return generic::make_error_condition(generic::protocol_error);
      case errc::no_answer: return generic::make_error_condition(generic::timed_out);
      case errc::closed: return generic::make_error_condition(generic::not_connected);
    }
    return error_category::default_error_condition(value);
  }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

namespace detail {

void throw_error(errc code, const std::string& text) { throw NatsError(code, text); }
std::exception_ptr make_error(errc code, const std::string& text) {
  return std::make_exception_ptr(NatsError(code, text));
}

std::string last_error(natsStatus status) {
  natsStatus ignored = NATS_OK;
  const char* given = nats_GetLastError(&ignored);
  const std::string text = given && *given ? given : natsStatus_GetText(status);
  // "(conn.c:2088): No server available"
  const auto place = text.starts_with('(') ? text.find("): ") : text.npos;
  return place == text.npos ? text : text.substr(place + 3);
}

std::string_view data_of(natsMsg& message) {
  return {natsMsg_GetData(&message), static_cast<std::size_t>(natsMsg_GetDataLength(&message))};
}

std::string status_of(natsMsg& message) {
  if (natsMsg_GetDataLength(&message) != 0) return {};
  return header_of(message, "Status");
}

std::string header_of(natsMsg& message, const char* name) {
  const char* value = nullptr;
  return natsMsgHeader_Get(&message, name, &value) == NATS_OK && value ? value : "";
}

}  // namespace detail
}  // namespace coroexec::nats
