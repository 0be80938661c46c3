// What is done with each part of a response.
#include "response_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <charconv>

#include "fetch_error.hpp"

namespace fetch {
namespace {

namespace http = boost::beast::http;

constexpr std::uint64_t worth_draining = 64 * 1024;

[[noreturn]] void refuse(const boost::beast::error_code& error, bool in_header) {
  if (error == http::error::header_limit)
    throw FetchError(ErrorKind::header_too_large, "the response header is larger than " +
                                                      std::to_string(ResponseParser::max_header) +
                                                      " bytes");
  throw FetchError(ErrorKind::protocol, std::string(in_header ? "the response is no HTTP: "
                                                              : "the response body is damaged: ") +
                                            error.message());
}

// Beast looks at a header that comes in pieces only once it is whole. What is no HTTP need not have
// such an end, and is not to be taken for a response that is late.
bool may_be_http(std::string_view start) {
  constexpr std::string_view version = "HTTP/1.";
  const auto size = std::min(start.size(), version.size());
  if (start.substr(0, size) != version.substr(0, size)) return false;
  return start.size() == size || start[size] == '0' || start[size] == '1';
}

}  // namespace

ResponseParser::ResponseParser(Body& body) : body_(body) {
  header_limit(max_header);
  body_limit(boost::none);  // Body has the limits
  eager(true);
}

std::size_t ResponseParser::put(std::string_view data) {
  std::size_t taken = 0;
  if (header_ == 0 && !is_header_done() && !may_be_http(data))
    refuse(http::error::bad_version, true);
  while (taken < data.size() && !done() && !too_early(data.substr(taken))) {
    error_code error;
    const auto size = Base::put(boost::asio::buffer(data.substr(taken)), error);
    taken += size;
    // Up to Boost 1.83 the parser's own limit starts anew with every field it has taken.
    if (!is_header_done()) {
      header_ += size;
      if (header_ + data.size() - taken > max_header) error = http::error::header_limit;
    }
    if (error == http::error::need_more) break;
    if (error) refuse(error, !is_header_done());
    if (size == 0) break;
  }
  return taken;
}

// Boost 1.81: the parser asserts that it is not asked about four bytes of an empty chunked body
// (boostorg/beast#2861, mended in 2024). It would want the fifth anyway.
bool ResponseParser::too_early(std::string_view data) const {
  return is_header_done() && chunked() && !chunk_begun_ && data.size() == 4 &&
         data.starts_with("0\r\n");
}

void ResponseParser::put_end() {
  if (!got_some())
    throw FetchError(ErrorKind::disconnected, "the server closed the connection without a response",
                     Retry::yes);
  error_code error;
  Base::put_eof(error);
  if (error)
    throw FetchError(ErrorKind::disconnected,
                     is_header_done()
                         ? "the server closed the connection in the middle of the body"
                         : "the server closed the connection in the middle of the header",
                     Retry::yes);
}

void ResponseParser::on_request_impl(http::verb, string_view, string_view, int, error_code&) {}

void ResponseParser::on_response_impl(int code, string_view reason, int, error_code&) {
  response_.status = code;
  response_.reason = std::string(reason.substr(0, 200));
}

void ResponseParser::on_field_impl(field name, string_view, string_view value, error_code&) {
  if (name == field::location) {
    response_.location = std::string(value);
  } else if (name == field::content_encoding) {
    if (!response_.content_encoding.empty()) response_.content_encoding += ", ";
    response_.content_encoding += std::string(value);
  } else if (name == field::retry_after) {
    unsigned seconds = 0;  // its other form, a date, is left alone
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc{} && end == value.data() + value.size())
      response_.retry_after = std::chrono::seconds(seconds);
  }
}

void ResponseParser::on_trailer_field_impl(field, string_view, string_view, error_code&) {}

void ResponseParser::on_header_impl(error_code&) {}

// Exceptions thrown from here on leave Base::put; the parser is not used after one.
void ResponseParser::on_body_init_impl(boost::optional<std::uint64_t> const& content_length,
                                       error_code&) {
  if (response_.ok()) {
    begin_body(content_length ? std::optional(*content_length) : std::nullopt);
  } else {
    abandoned_ = content_length && *content_length > worth_draining;
  }
}

std::size_t ResponseParser::on_body_impl(string_view data, error_code&) {
  if (response_.ok()) {
    body_.write({data.data(), data.size()});
  } else {
    drained_ += data.size();
    if (drained_ > worth_draining) abandoned_ = true;
  }
  return data.size();
}

void ResponseParser::on_chunk_header_impl(std::uint64_t, string_view, error_code&) {
  chunk_begun_ = true;
}

std::size_t ResponseParser::on_chunk_body_impl(std::uint64_t, string_view data, error_code& error) {
  return on_body_impl(data, error);
}

void ResponseParser::on_finish_impl(error_code&) {
  if (!response_.ok()) return;
  if (!body_begun_) begin_body(0);  // Beast does not announce an empty one
  body_.finish();
}

void ResponseParser::begin_body(std::optional<std::uint64_t> content_length) {
  body_begun_ = true;
  body_.begin(response_.content_encoding, content_length);
}

}  // namespace fetch
