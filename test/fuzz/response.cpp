// What a server sends, read by the parser in one piece and in many: the outcome is the same, and
// within the limits.
//
// The first byte says whether the connection ends behind it, and the body's limit; the next four
// are the sizes of the pieces; the sixth says how often what is behind the byte 1e is doubled, so
// that short inputs reach the limits.
#include "response_parser.hpp"

#include <array>

#include "fetch_error.hpp"
#include "fuzz.hpp"

namespace coroexec::fuzz {
namespace {

constexpr std::size_t piece = 16 * 1024;        // the most that is read at once
constexpr std::size_t max_buffer = 128 * 1024;  // what a connection keeps unread
constexpr std::size_t longest = 160 * 1024;

struct Outcome {
  std::string error, response;
  bool done = false, reusable = false;
  std::uint64_t bytes = 0;
  std::size_t taken = 0;  // of the text
};

std::string print(const fetch::Response& response) {
  return std::to_string(response.status) + " " + response.reason +
         "\nLocation: " + response.location + "\nContent-Encoding: " + response.content_encoding +
         "\nRetry-After: " + std::to_string(response.retry_after.count());
}

// As http_get() and Connection do it: what the parser has not taken is before the next piece.
Outcome parse(std::string_view text, std::span<const std::size_t> sizes, std::uint64_t limit,
              bool ends) {
  fetch::Body body(limit, "");
  fetch::ResponseParser parser(body);
  Outcome outcome;
  std::string buffer;
  const auto header_end = text.find("\r\n\r\n");
  try {
    for (std::size_t i = 0; !parser.done() && !text.empty(); ++i) {
      const auto room = max_buffer - buffer.size();
      if (room == 0)
        throw fetch::FetchError(fetch::ErrorKind::protocol, "a line of the response has no end");
      const auto size = std::min({sizes[i % sizes.size()], text.size(), room});
      buffer += text.substr(0, size);
      text.remove_prefix(size);
      const auto taken = parser.put(buffer);
      require(taken <= buffer.size(), "the parser takes more than there is");
      buffer.erase(0, taken);
      outcome.taken += taken;
      const auto received = outcome.taken + buffer.size();
      require(received >= header_end || received <= fetch::ResponseParser::max_header,
              "a header beyond its limit");
    }
    if (!parser.done() && ends) parser.put_end();
    outcome.done = parser.done();
    outcome.reusable = outcome.done && parser.reusable();
    outcome.response = print(parser.response());
    require(parser.response().reason.size() <= 200, "a reason that is too long");
    outcome.bytes = body.bytes();
    require(outcome.bytes <= limit, "a body beyond its limit");
    require(!(outcome.done && ends) || outcome.taken > 0, "a response out of nothing");
  } catch (const fetch::FetchError& error) {
    outcome.error = std::string(fetch::name(error.kind())) + ": " + error.what();
    using enum fetch::ErrorKind;
    const auto kind = error.kind();
    require(kind == protocol || kind == header_too_large || kind == body_too_large ||
                kind == decode || (kind == disconnected && ends),
            "an error of another kind: " + outcome.error);
  }
  return outcome;
}

// Of a response whose rest is not read it does not matter where that begins.
std::string print(const Outcome& o) {
  return o.error + "\n" + o.response + "\ndone " + std::to_string(o.done) + " bytes " +
         std::to_string(o.bytes) + " reusable " +
         (o.reusable ? "after " + std::to_string(o.taken) : "no");
}

void run(Bytes bytes) {
  Reader reader(bytes);
  const auto first = reader.byte();
  const bool ends = first & 1;
  const std::uint64_t limit = std::uint64_t{1} << (first / 2 % 24);
  std::array<std::size_t, 4> sizes;
  for (auto& size : sizes) size = 1 + reader.byte();
  const int doublings = reader.byte() % 16;
  std::string text(reader.until('\x1e'));
  std::string repeated(text_of(reader.rest()));
  for (int i = 0; i < doublings && text.size() + 2 * repeated.size() <= longest; ++i)
    repeated += repeated;
  text += repeated;

  const std::size_t whole[] = {piece};
  const Outcome in_one = parse(text, whole, limit, ends);
  // Beast looks at a header that comes in pieces only once it is whole, so that one without an end
  // is refused for what is wrong in it, or for that.
  const bool header_has_end = text.find("\r\n\r\n") != text.npos;
  require(header_has_end || !in_one.done, "a response whose header has no end");
  const auto compare = [&](std::span<const std::size_t> cut) {
    const Outcome in_pieces = parse(text, cut, limit, ends);
    if (!header_has_end) return require(!in_pieces.done, "a response whose header has no end");
    // Of a body that is damaged and too large either may be noticed first.
    const auto bad = [](const Outcome& o) {
      return o.error.starts_with("decode: the compressed body is damaged") ||
             o.error.starts_with("body-too-large: ");
    };
    if (bad(in_pieces) && bad(in_one)) return;
    require(print(in_pieces) == print(in_one),
            "in pieces:\n" + print(in_pieces) + "\nin one:\n" + print(in_one));
  };
  compare(sizes);
  sizes.fill(1);
  if (text.size() < 4096) compare(sizes);
}

const Target target("response", run);

}  // namespace
}  // namespace coroexec::fuzz
