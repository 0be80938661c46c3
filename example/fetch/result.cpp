// The JSON line of a result. Boost.JSON escapes the strings that need it; it would write 1.5 as 1.5E0, so
// the object is put together here.
#include "result.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <algorithm>
#include <charconv>

namespace fetch {
namespace {

// Length of the well-formed UTF-8 sequence at the front (Unicode, table 3-7), 0 if there is none.
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  const unsigned lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < lowest || byte(1) > highest) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  return length;
}

std::string valid_utf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    if (length == 0) result += "\xEF\xBF\xBD";
    else result += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

// Almost all URLs, which are spared three copies.
bool needs_no_escape(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// With the three digits after the point that microseconds are.
void append_milliseconds(std::string& out, std::chrono::nanoseconds time) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count() + 500, 0)) / 1000;
  append_number(out, us / 1000);
  const auto rest = static_cast<unsigned>(us % 1000);
  const char digits[] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                         static_cast<char>('0' + rest % 10)};
  out.append(digits, sizeof digits);
}

void append_string(std::string& out, std::string_view text) {
  if (needs_no_escape(text)) {
    out += '"';
    out += text;
    out += '"';
  } else {
    out += boost::json::serialize(boost::json::string(valid_utf8(text)));
  }
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

void append_json_line(std::string& out, const Result& result) {
  out += "{\"line\":";
  append_number(out, result.line);
  out += ",\"url\":";
  append_string(out, result.url);
  if (!result.final_url.empty()) {
    out += ",\"final_url\":";
    append_string(out, result.final_url);
  }
  if (result.status != 0) {
    out += ",\"status\":";
    append_number(out, static_cast<std::uint64_t>(result.status));
  }
  out += ",\"bytes\":";
  append_number(out, result.bytes);
  out += ",\"attempts\":";
  append_number(out, result.attempts);
  out += ",\"ms\":";
  append_milliseconds(out, result.elapsed);
  if (result.failure) {
    out += ",\"error\":{\"kind\":\"";
    out += name(result.failure->kind);
    out += "\",\"message\":";
    append_string(out, result.failure->message);
    out += '}';
  }
  out += "}\n";
}

std::string to_json_line(const Result& result) {
  std::string line;
  append_json_line(line, result);
  return line;
}

}  // namespace fetch
