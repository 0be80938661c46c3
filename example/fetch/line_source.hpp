// The lines of a list, read as they are asked for: from a file in chunks, from a pipe as data
// arrives.
#pragma once

#include <cstdint>
#include <string>

#include "readiness.hpp"

namespace fetch {

struct Line {
  std::uint64_t number = 0;  // counts from 1, skipped lines included
  std::string text;          // without surrounding white space; cut if too_long
  bool too_long = false;     // longer than LineSource::max_line
};

class LineSource {
 public:
  static constexpr std::size_t max_line = 16 * 1024;

  // Opens the file of that name; "-" is standard input. Throws std::system_error.
  LineSource(asio::any_io_executor executor, const std::string& name);
  // Reads `fd`, which becomes this object's own.
  LineSource(asio::any_io_executor executor, int fd, std::string name);
  ~LineSource();
  LineSource(const LineSource&) = delete;
  LineSource& operator=(const LineSource&) = delete;

  enum class Next { line, wait, end };
  // The next line that is neither blank nor a comment (#), if it can be had without waiting.
  // Throws std::system_error when reading fails.
  Next next(Line& line);
  asio::awaitable<void> wait() {
    return readiness_.wait();
  }  // until next() is worth a call, or wake()
  void wake() { readiness_.wake(); }

  // How much of the list has been handed out, 0 to 1; negative if its size is not known.
  double fraction() const;

 private:
  bool take_line(Line& line, bool last);
  bool read_more();

  std::string name_;
  int fd_;
  bool owned_;
  std::uint64_t size_ = 0;  // of a regular file, else 0
  Readiness readiness_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of the unread part of buffer_
  std::size_t scanned_ = 0;  // no line end before this
  std::uint64_t consumed_ = 0;
  std::uint64_t number_ = 0;
  bool skipping_ = false;  // the line at begin_ was too long and has been handed out
  bool ended_ = false;
};

}  // namespace fetch
