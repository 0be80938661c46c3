// Streaming decompression by zlib.
#include "inflate_body.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <new>

#include "fetch_error.hpp"

namespace fetch {
namespace {

constexpr int zlib_window = 15;
constexpr int gzip_window = 16 + 15;
constexpr int raw_window = -15;

[[noreturn]] void damaged(const std::string& why) {
  throw FetchError(ErrorKind::decode, "the compressed body is damaged: " + why);
}

// "deflate" means zlib's format (RFC 9110), but some servers send bare deflate data.
bool looks_like_zlib(std::string_view head) {
  const auto first = static_cast<unsigned char>(head[0]);
  const auto second = static_cast<unsigned char>(head[1]);
  return (first & 15) == 8 && (first * 256 + second) % 31 == 0;
}

}  // namespace

std::optional<Encoding> parse_encoding(std::string_view value) {
  const auto is = [value](const char* name) { return boost::beast::iequals(value, name); };
  if (value.empty() || is("identity")) return Encoding::identity;
  if (is("gzip") || is("x-gzip")) return Encoding::gzip;
  if (is("deflate")) return Encoding::deflate;
  return std::nullopt;
}

Inflater::Inflater(Encoding encoding) : encoding_(encoding) {}

Inflater::~Inflater() {
  if (state_ != State::untouched && state_ != State::header) inflateEnd(&stream_);
}

void Inflater::start(int window_bits) {
  if (inflateInit2(&stream_, window_bits) != Z_OK) throw std::bad_alloc();
  state_ = State::data;
}

std::string_view Inflater::next(std::string_view& in) {
  if (state_ == State::untouched && !in.empty()) {
    state_ = State::header;
    if (encoding_ == Encoding::gzip) start(gzip_window);
  }
  if (state_ == State::untouched) return {};
  if (state_ == State::header) {
    const auto missing = std::min<std::size_t>(2 - head_.size(), in.size());
    head_ += in.substr(0, missing);
    in.remove_prefix(missing);
    if (head_.size() < 2) return {};
    start(looks_like_zlib(head_) ? zlib_window : raw_window);
  }
  for (;;) {
    if (state_ == State::done) {
      if (in.empty()) return {};
      // A gzip file may have several members. What else follows is ignored, as browsers do.
      const bool member = encoding_ == Encoding::gzip && in.starts_with('\x1f');
      if (member) inflateReset(&stream_);
      state_ = member ? State::data : State::ignoring;
    }
    if (state_ == State::ignoring) {
      in = {};
      return {};
    }
    const std::string_view source = head_.empty() ? in : std::string_view(head_);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(source.data()));
    stream_.avail_in = static_cast<uInt>(source.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
    stream_.avail_out = static_cast<uInt>(out_.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    const std::size_t taken = source.size() - stream_.avail_in;
    if (head_.empty()) in.remove_prefix(taken);
    else head_.erase(0, taken);

    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status == Z_NEED_DICT) damaged("it needs a dictionary");
    if (status == Z_DATA_ERROR || status == Z_STREAM_ERROR)
      damaged(stream_.msg ? stream_.msg : "no reason given");
    if (status == Z_STREAM_END) state_ = State::done;
    const std::size_t made = out_.size() - stream_.avail_out;
    if (made != 0) return {out_.data(), made};
    if (status == Z_BUF_ERROR) return {};  // no progress without more input
  }
}

}  // namespace fetch
