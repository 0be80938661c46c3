// The JSON line of a result. Boost.JSON escapes the strings; it would write 1.5 as 1.5E0, so the
// object is put together here.
#include "result.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <cstdio>

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

}  // namespace

std::string json_string(std::string_view text) {
  return boost::json::serialize(boost::json::string(valid_utf8(text)));
}

std::string to_json_line(const Result& result) {
  char milliseconds[32];
  std::snprintf(milliseconds, sizeof milliseconds, "%.3f",
                static_cast<double>(result.elapsed.count()) * 1e-6);
  std::string out =
      "{\"line\":" + std::to_string(result.line) + ",\"url\":" + json_string(result.url);
  if (!result.final_url.empty()) out += ",\"final_url\":" + json_string(result.final_url);
  if (result.status != 0) out += ",\"status\":" + std::to_string(result.status);
  out += ",\"bytes\":" + std::to_string(result.bytes) +
         ",\"attempts\":" + std::to_string(result.attempts) + ",\"ms\":" + milliseconds;
  if (result.failure) {
    out += ",\"error\":{\"kind\":\"" + std::string(name(result.failure->kind)) +
           "\",\"message\":" + json_string(result.failure->message) + "}";
  }
  return out + "}\n";
}

}  // namespace fetch
