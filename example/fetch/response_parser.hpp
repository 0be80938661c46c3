// Reading one HTTP response without I/O: Beast's parser is fed bytes, the body goes to a Body as it
// comes.
#pragma once

#include <boost/beast/http/basic_parser.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "body.hpp"

namespace fetch {

struct Response {
  int status = 0;
  std::string reason;
  std::string location;
  std::string content_encoding;
  std::chrono::seconds retry_after{0};

  bool ok() const { return status >= 200 && status < 300; }
};

class ResponseParser : private boost::beast::http::basic_parser<false> {
  using Base = boost::beast::http::basic_parser<false>;
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;
  using field = boost::beast::http::field;

 public:
  static constexpr std::uint32_t max_header = 64 * 1024;

  // The body of a response that is ok() goes to `body`; another one's is read to its end if it is
  // short, so that the connection can be used again.
  explicit ResponseParser(Body& body);

  // Takes bytes from the front of `data` and returns how many. Throws FetchError: protocol,
  // header_too_large, and what Body throws.
  std::size_t put(std::string_view data);
  // The connection has ended. Throws FetchError (disconnected) if the response has not.
  void put_end();

  // Nothing more is wanted: the response is complete, or what is left of it is not worth reading.
  bool done() const { return is_done() || abandoned_; }
  bool reusable() const { return is_done() && keep_alive(); }
  bool informational() const { return response_.status < 200; }
  const Response& response() const { return response_; }

 private:
  // No `override`: Boost has added one of these on the way from 1.81 to 1.92.
  void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code&);
  void on_response_impl(int code, string_view reason, int version, error_code&);
  void on_field_impl(field name, string_view, string_view value, error_code&);
  void on_trailer_field_impl(field, string_view, string_view, error_code&);
  void on_header_impl(error_code&);
  void on_body_init_impl(boost::optional<std::uint64_t> const& content_length, error_code&);
  std::size_t on_body_impl(string_view data, error_code&);
  void on_chunk_header_impl(std::uint64_t size, string_view extensions, error_code&);
  std::size_t on_chunk_body_impl(std::uint64_t remaining, string_view data, error_code&);
  void on_finish_impl(error_code&);

  bool too_early(std::string_view data) const;
  void begin_body(std::optional<std::uint64_t> content_length);

  Body& body_;
  Response response_;
  std::uint64_t header_ = 0;
  std::uint64_t drained_ = 0;
  bool body_begun_ = false;
  bool chunk_begun_ = false;
  bool abandoned_ = false;
};

}  // namespace fetch
