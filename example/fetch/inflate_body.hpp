// Undoing a body's Content-Encoding (gzip, deflate) a bounded piece at a time, so that a
// decompression bomb costs no more memory than any other body.
#pragma once

#include <zlib.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace fetch {

enum class Encoding { identity, gzip, deflate };

// Reads the value of a Content-Encoding field; nothing if we cannot undo it.
std::optional<Encoding> parse_encoding(std::string_view value);

class Inflater {
 public:
  explicit Inflater(Encoding encoding);  // gzip or deflate
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Takes bytes from the front of `in`. Returns decoded bytes, valid until the next call; none
  // when it needs more input. Throws FetchError (decode) if the data is damaged.
  std::string_view next(std::string_view& in);

  // Whether the compressed data ended where it should; so has empty data.
  bool complete() const { return state_ != State::header && state_ != State::data; }

 private:
  enum class State { untouched, header, data, done, ignoring };

  void start(int window_bits);

  Encoding encoding_;
  State state_ = State::untouched;
  std::string head_;  // what arrived before we know which kind of deflate it is
  z_stream stream_{};
  std::array<char, 16 * 1024> out_;
};

}  // namespace fetch
