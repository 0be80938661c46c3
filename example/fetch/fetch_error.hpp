// Why a URL was not fetched: a kind for scripts, a sentence for people, and whether trying again
// may help.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace fetch {

enum class ErrorKind {
  invalid_url,
  resolve,
  connect,
  tls,
  timeout,
  disconnected,
  protocol,
  header_too_large,
  body_too_large,
  decode,
  redirect,
  http_status,
  write_file,
  internal,
  cancelled,
};

// The kind as it stands in the result line: "invalid-url", "timeout", ...
constexpr std::string_view name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_url: return "invalid-url";
    case ErrorKind::resolve: return "resolve";
    case ErrorKind::connect: return "connect";
    case ErrorKind::tls: return "tls";
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::disconnected: return "disconnected";
    case ErrorKind::protocol: return "protocol";
    case ErrorKind::header_too_large: return "header-too-large";
    case ErrorKind::body_too_large: return "body-too-large";
    case ErrorKind::decode: return "decode";
    case ErrorKind::redirect: return "redirect";
    case ErrorKind::http_status: return "http-status";
    case ErrorKind::write_file: return "write-file";
    case ErrorKind::internal: return "internal";
    case ErrorKind::cancelled: return "cancelled";
  }
  return "internal";
}

enum class Retry { no, yes };

class FetchError : public std::runtime_error {
 public:
  FetchError(ErrorKind kind, const std::string& message, Retry retry = Retry::no)
      : std::runtime_error(message), kind_(kind), retry_(retry) {}

  ErrorKind kind() const noexcept { return kind_; }
  bool worth_retrying() const noexcept { return retry_ == Retry::yes; }

 private:
  ErrorKind kind_;
  Retry retry_;
};

}  // namespace fetch
