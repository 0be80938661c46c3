// What became of one line of the list, and how it is written: one JSON object a line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "fetch_error.hpp"

namespace fetch {

struct Failure {
  ErrorKind kind;
  std::string message;
};

struct Result {
  std::uint64_t line = 0;
  std::string url;          // as it stands in the list
  std::string final_url;    // where redirects led; empty if there were none
  int status = 0;           // of the last response; 0 if there was none
  std::uint64_t bytes = 0;  // of the body, decoded
  unsigned attempts = 0;    // requests sent or tried, those to redirect targets included
  std::chrono::steady_clock::time_point started;
  std::chrono::nanoseconds elapsed{0};
  std::optional<Failure> failure;
};

// The result as a JSON object and a line feed.
std::string to_json_line(const Result& result);
void append_json_line(std::string& out, const Result& result);

// Text as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, because JSON has
// no others.
std::string json_string(std::string_view text);

}  // namespace fetch
