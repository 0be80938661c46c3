// Responses, good and bad, fed to the parser in pieces.
#include "response_parser.hpp"

#include <gtest/gtest.h>

#include "fetch_error.hpp"
#include "http_get.hpp"

namespace fetch {
namespace {

constexpr std::size_t steps[] = {1, 7, 10'000};
constexpr std::size_t long_steps[] = {1000, 16'384, 1 << 20};

struct Outcome {
  std::string error;
  Response response;
  bool done = false;
  bool reusable = false;
  std::uint64_t bytes = 0;
  std::size_t left = 0;
};

// Feeds the text as the connection would: what the parser has not taken stays in front of the next
// piece.
Outcome parse(std::string_view text, std::size_t step = 1 << 20, bool end = false) {
  Body body(1 << 20, "");
  ResponseParser parser(body);
  Outcome outcome;
  try {
    std::string buffer;
    while (!parser.done() && !text.empty()) {
      buffer += text.substr(0, step);
      text.remove_prefix(std::min(step, text.size()));
      buffer.erase(0, parser.put(buffer));
    }
    if (!parser.done() && end) parser.put_end();
    outcome.left = buffer.size() + text.size();
  } catch (const FetchError& error) {
    outcome.error = std::string(name(error.kind())) + ": " + error.what();
    return outcome;
  }
  outcome.response = parser.response();
  outcome.done = parser.done();
  outcome.reusable = outcome.done && parser.reusable();
  outcome.bytes = body.bytes();
  return outcome;
}

TEST(ResponseParser, ContentLength) {
  for (const std::size_t step : steps) {
    const Outcome got = parse("HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nhello", step);
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.response.status, 200);
    EXPECT_EQ(got.response.reason, "Fine");
    EXPECT_TRUE(got.done);
    EXPECT_TRUE(got.reusable);
    EXPECT_EQ(got.bytes, 5u);
  }
}

TEST(ResponseParser, Chunked) {
  for (const std::size_t step : steps) {
    const Outcome got = parse(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n",
        step);
    EXPECT_EQ(got.error, "");
    EXPECT_TRUE(got.reusable);
    EXPECT_EQ(got.bytes, 11u);
  }
}

TEST(ResponseParser, AnEmptyChunkedBodyMayComeInPieces) {
  for (const std::size_t step : steps) {
    const Outcome got =
        parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", step);
    EXPECT_EQ(got.error, "");
    EXPECT_TRUE(got.reusable);
    EXPECT_EQ(got.bytes, 0u);
  }
}

TEST(ResponseParser, ABodyThatEndsWithTheConnectionIsWholeThen) {
  const Outcome got = parse("HTTP/1.0 200 OK\r\n\r\nhello", 1 << 20, true);
  EXPECT_EQ(got.error, "");
  EXPECT_TRUE(got.done);
  EXPECT_FALSE(got.reusable);
  EXPECT_EQ(got.bytes, 5u);
}

TEST(ResponseParser, NoBodyAtAll) {
  EXPECT_TRUE(parse("HTTP/1.1 204 No Content\r\n\r\n").reusable);
  EXPECT_TRUE(parse("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").reusable);
  EXPECT_TRUE(parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n").reusable);
}

TEST(ResponseParser, TheConnectionIsNotReusedIfTheServerClosesIt) {
  EXPECT_FALSE(parse("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").reusable);
  EXPECT_FALSE(parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").reusable);
}

TEST(ResponseParser, WhatComesAfterTheResponseIsLeft) {
  const Outcome got = parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokjunk");
  EXPECT_TRUE(got.done);
  EXPECT_EQ(got.left, 4u);
}

TEST(ResponseParser, FieldsThatMatter) {
  const Outcome got = parse(
      "HTTP/1.1 503 Busy\r\nlocation: /x\r\nRetry-After: 7\r\nContent-Encoding: gzip\r\n"
      "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(got.response.location, "/x");
  EXPECT_EQ(got.response.retry_after, std::chrono::seconds(7));
  EXPECT_EQ(got.response.content_encoding, "gzip");
  const Outcome date =
      parse("HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n");
  EXPECT_EQ(date.response.retry_after, std::chrono::seconds(0));
}

TEST(ResponseParser, AShortBodyOfAFailureIsReadALongOneIsNot) {
  EXPECT_TRUE(parse("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone").reusable);
  const Outcome announced = parse("HTTP/1.1 404 Not Found\r\nContent-Length: 100000000\r\n\r\nx");
  EXPECT_TRUE(announced.done);
  EXPECT_FALSE(announced.reusable);
  const Outcome endless = parse("HTTP/1.1 404 Not Found\r\n\r\n" + std::string(70'000, 'x'), 1000);
  EXPECT_TRUE(endless.done);
  EXPECT_FALSE(endless.reusable);
}

TEST(ResponseParser, WhatIsNoHttpIsRefusedHoweverItArrives) {
  for (const std::size_t step : steps)
    for (const char* text :
         {"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/2 200 OK\r\n", "+PONG\r\n", "220 ready"})
      EXPECT_EQ(parse(text, step, true).error, "protocol: the response is no HTTP: bad version")
          << text;
}

TEST(ResponseParser, Garbage) {
  EXPECT_TRUE(
      parse("SSH-2.0-OpenSSH_9.2\r\n").error.starts_with("protocol: the response is no HTTP: "));
  EXPECT_TRUE(parse("\x16\x03\x01\x02" + std::string(100, 'x')).error.starts_with("protocol: "));
  EXPECT_TRUE(
      parse("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n").error.starts_with("protocol: "));
  EXPECT_TRUE(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
                  .error.starts_with("protocol: the response body is damaged: "));
}

TEST(ResponseParser, AnEndlessHeaderIsRefused) {
  std::string text = "HTTP/1.1 200 OK\r\n";
  while (text.size() < 70'000) text += "X-Field: value\r\n";
  for (const std::size_t step : long_steps)
    EXPECT_EQ(parse(text, step).error,
              "header-too-large: the response header is larger than 65536 bytes");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'), 5000).error,
            "header-too-large: the response header is larger than 65536 bytes");
}

TEST(ResponseParser, HalfAResponse) {
  EXPECT_EQ(parse("", 1, true).error,
            "disconnected: the server closed the connection without a response");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nConte", 100, true).error,
            "disconnected: the server closed the connection in the middle of the header");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 100, true).error,
            "disconnected: the server closed the connection in the middle of the body");
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 100, true).error,
            "disconnected: the server closed the connection in the middle of the body");
}

TEST(MakeRequest, FieldsAndTheirReplacement) {
  Url url;
  url.scheme = "http";
  url.host = "::1";
  url.port = 8080;
  url.target = "/x?y";
  EXPECT_EQ(make_request(url, {}),
            "GET /x?y HTTP/1.1\r\nHost: [::1]:8080\r\nUser-Agent: coroexec-fetch\r\nAccept: */*\r\n"
            "Accept-Encoding: gzip, deflate\r\n\r\n");
  EXPECT_EQ(make_request(url, {{"user-agent", "me"}, {"Cookie", "a=b"}}),
            "GET /x?y HTTP/1.1\r\nHost: [::1]:8080\r\nAccept: */*\r\n"
            "Accept-Encoding: gzip, deflate\r\nuser-agent: me\r\nCookie: a=b\r\n\r\n");
}

}  // namespace
}  // namespace fetch
