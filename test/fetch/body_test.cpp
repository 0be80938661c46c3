// Bodies: decompression, its limits, files that appear only when whole.
#include "body.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fetch_error.hpp"

namespace fetch {
namespace {

constexpr int gzip = 16 + 15, zlib = 15, raw = -15;

std::string compress(const std::string& text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string decode(Encoding encoding, std::string_view data, std::size_t step,
                   bool expect_complete = true) {
  Inflater inflater(encoding);
  std::string out;
  while (!data.empty()) {
    std::string_view piece = data.substr(0, step);
    data.remove_prefix(piece.size());
    for (auto text = inflater.next(piece); !text.empty(); text = inflater.next(piece)) out += text;
    EXPECT_TRUE(piece.empty());
  }
  EXPECT_EQ(inflater.complete(), expect_complete);
  return out;
}

std::string sample() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  return text;
}

TEST(Inflater, UndoesGzipZlibAndBareDeflateInAnyPieces) {
  const std::string text = sample();
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{2}, std::size_t{1000}, std::size_t{1} << 20}) {
    EXPECT_EQ(decode(Encoding::gzip, compress(text, gzip), step), text) << step;
    EXPECT_EQ(decode(Encoding::deflate, compress(text, zlib), step), text) << step;
    EXPECT_EQ(decode(Encoding::deflate, compress(text, raw), step), text) << step;
  }
}

TEST(Inflater, AGzipFileMayHaveSeveralMembers) {
  EXPECT_EQ(decode(Encoding::gzip, compress("one ", gzip) + compress("two", gzip), 5), "one two");
}

TEST(Inflater, BytesAfterTheEndAreIgnored) {
  EXPECT_EQ(decode(Encoding::gzip, compress("text", gzip) + "junk", 1000), "text");
  EXPECT_EQ(decode(Encoding::deflate, compress("text", zlib) + "junk", 1), "text");
}

TEST(Inflater, WhatIsIgnoredIsIgnoredToTheEnd) {
  const std::string member = compress("text", gzip);
  for (const std::size_t step : {std::size_t{1}, std::size_t{1000}})
    EXPECT_EQ(decode(Encoding::gzip, member + "junk" + member, step), "text") << step;
}

TEST(Inflater, NoDataIsCompleteAndHalfIsNot) {
  EXPECT_EQ(decode(Encoding::gzip, "", 1), "");
  const std::string data = compress(sample(), gzip);
  decode(Encoding::gzip, std::string_view(data).substr(0, data.size() / 2), 100, false);
  decode(Encoding::gzip, std::string_view(data).substr(0, 1), 1, false);
  decode(Encoding::deflate, "x", 1, false);
}

TEST(Inflater, DamageIsAnError) {
  std::string data = compress(sample(), gzip);
  data[data.size() / 2] = static_cast<char>(data[data.size() / 2] ^ 0x55);
  data[data.size() / 2 + 1] = static_cast<char>(data[data.size() / 2 + 1] ^ 0x55);
  try {
    decode(Encoding::gzip, data, 1000);
    FAIL();
  } catch (const FetchError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::decode);
    EXPECT_TRUE(std::string(error.what()).starts_with("the compressed body is damaged: "))
        << error.what();
  }
  EXPECT_THROW(decode(Encoding::gzip, "this is no gzip", 3), FetchError);
}

TEST(Inflater, TheEncodingsNames) {
  EXPECT_EQ(parse_encoding(""), Encoding::identity);
  EXPECT_EQ(parse_encoding("Identity"), Encoding::identity);
  EXPECT_EQ(parse_encoding("GZIP"), Encoding::gzip);
  EXPECT_EQ(parse_encoding("x-gzip"), Encoding::gzip);
  EXPECT_EQ(parse_encoding("deflate"), Encoding::deflate);
  EXPECT_EQ(parse_encoding("br"), std::nullopt);
  EXPECT_EQ(parse_encoding("gzip, gzip"), std::nullopt);
}

// What the body throws, as "kind: message".
template <class F>
std::string error_of(F&& f) {
  try {
    f();
    return "none";
  } catch (const FetchError& error) {
    return std::string(name(error.kind())) + ": " + error.what();
  }
}

TEST(Body, IsLimitedOnTheWireAndDecoded) {
  Body body(1000, "");
  body.begin("", std::nullopt);
  body.write(std::string(1000, 'x'));
  EXPECT_EQ(error_of([&] { body.write("x"); }),
            "body-too-large: the body is larger than --max-body, 1000 bytes");
  EXPECT_EQ(error_of([&] { body.begin("", 1001); }),
            "body-too-large: the body is larger than --max-body, 1000 bytes");

  // 10 MB in 10 KB: refused when the first bytes over the limit come out, not after inflating it
  // all.
  const std::string bomb = compress(std::string(10'000'000, '\0'), gzip);
  Body small(1'000'000, "");
  small.begin("gzip", bomb.size());
  EXPECT_EQ(error_of([&] { small.write(bomb); }),
            "body-too-large: the decompressed body is larger than --max-body, 1000000 bytes");
  EXPECT_LE(small.bytes(), 1'000'000u + 16 * 1024);
}

TEST(Body, AnUnknownEncodingIsRefusedAndAShortOneIsFound) {
  Body body(1'000'000, "");
  EXPECT_EQ(error_of([&] { body.begin("br", std::nullopt); }),
            "decode: Content-Encoding \"br\" is not supported");
  const std::string data = compress(sample(), gzip);
  body.begin("gzip", std::nullopt);
  body.write(std::string_view(data).substr(0, 1000));
  EXPECT_EQ(error_of([&] { body.finish(); }), "decode: the compressed body ends early");
  body.begin("gzip", std::nullopt);
  body.write(data);
  EXPECT_EQ(error_of([&] { body.finish(); }), "none") << "a second attempt begins anew";
  EXPECT_EQ(body.bytes(), sample().size());
}

class BodyInDirectory : public testing::Test {
 protected:
  BodyInDirectory() {
    std::string pattern = testing::TempDir() + "coroexec-fetch-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~BodyInDirectory() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path directory_;
};

std::string content(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

TEST_F(BodyInDirectory, AppearsUnderItsNameWhenItIsWhole) {
  const auto path = directory_ / "1.body";
  Body body(1000, path);
  body.begin("gzip", std::nullopt);
  body.write(compress("hello", gzip));
  EXPECT_FALSE(std::filesystem::exists(path));
  body.finish();
  EXPECT_EQ(content(path), "hello");
}

TEST_F(BodyInDirectory, LeavesNothingBehindWhenItFails) {
  {
    Body body(1000, directory_ / "1.body");
    body.begin("", std::nullopt);
    body.write("half");
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(BodyInDirectory, AnotherAttemptReplacesWhatTheFirstLeft) {
  Body body(1000, directory_ / "1.body");
  body.begin("", std::nullopt);
  body.write("first attempt, longer");
  body.begin("", std::nullopt);
  body.write("second");
  body.finish();
  EXPECT_EQ(content(directory_ / "1.body"), "second");
}

TEST_F(BodyInDirectory, AFileThatCannotBeWrittenIsNamed) {
  Body body(1000, directory_ / "none" / "1.body");
  EXPECT_EQ(error_of([&] { body.begin("", std::nullopt); }),
            "write-file: cannot write " + (directory_ / "none" / "1.body.part").string() +
                ": No such file or directory");
}

TEST_F(BodyInDirectory, AFullDiskIsTold) {
  const auto path = directory_ / "1.body";
  std::filesystem::create_symlink("/dev/full", path.string() + ".part");
  Body body(1000, path);
  body.begin("", std::nullopt);
  EXPECT_EQ(error_of([&] { body.write("x"); }),
            "write-file: cannot write " + path.string() + ".part: No space left on device");
}

}  // namespace
}  // namespace fetch
