// Reading a list of any length in constant memory.
#include "line_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

namespace fetch {
namespace {

constexpr std::size_t chunk_size = 64 * 1024;

[[noreturn]] void cannot_read(int error, const std::string& name) {
  throw std::system_error(error, std::generic_category(), "cannot read " + name);
}

int open_list(const std::string& name) {
  if (name == "-") return STDIN_FILENO;
  const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) cannot_read(errno, name);
  return fd;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view space = " \t\r\v\f";
  const auto begin = text.find_first_not_of(space);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

}  // namespace

LineSource::LineSource(asio::any_io_executor executor, const std::string& name)
    : LineSource(std::move(executor), open_list(name), name == "-" ? "standard input" : name) {}

LineSource::LineSource(asio::any_io_executor executor, int fd, std::string name)
    : name_(std::move(name)),
      fd_(fd),
      owned_(fd != STDIN_FILENO),
      readiness_(std::move(executor), fd, Readiness::Direction::read) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) cannot_read(errno, name_);
  if (S_ISDIR(status.st_mode)) cannot_read(EISDIR, name_);
  if (S_ISREG(status.st_mode)) size_ = static_cast<std::uint64_t>(status.st_size);
}

LineSource::~LineSource() {
  if (owned_) ::close(fd_);
}

LineSource::Next LineSource::next(Line& line) {
  for (;;) {
    while (take_line(line, ended_)) {
      if (!line.text.empty() && line.text.front() != '#') return Next::line;
    }
    if (ended_) return Next::end;
    if (!readiness_.ready()) return Next::wait;
    ended_ = !read_more();
  }
}

// The next line of the buffer, whatever is in it; `last` says that the buffer's end ends a line.
bool LineSource::take_line(Line& line, bool last) {
  for (;;) {
    const auto newline = buffer_.find('\n', scanned_);
    const bool complete = newline != buffer_.npos;
    const auto end = complete ? newline : buffer_.size();
    const std::string_view raw(buffer_.data() + begin_, end - begin_);
    const bool handed_out = skipping_;
    if (!complete && !handed_out && raw.size() <= max_line && (!last || raw.empty())) {
      scanned_ = end;
      return false;
    }
    begin_ = scanned_ = complete ? end + 1 : end;
    skipping_ = !complete && !last;
    if (handed_out) {
      if (complete) continue;
      return false;
    }
    line.number = ++number_;
    line.too_long = raw.size() > max_line;
    line.text = trim(line.too_long ? raw.substr(0, 200) : raw);
    if (number_ == 1 && line.text.starts_with("\xEF\xBB\xBF")) line.text.erase(0, 3);
    return true;
  }
}

bool LineSource::read_more() {
  consumed_ += begin_;
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + chunk_size);
  ssize_t got = 0;
  do {
    got = ::read(fd_, buffer_.data() + kept, chunk_size);
  } while (got < 0 && errno == EINTR);
  const int error = errno;
  buffer_.resize(kept + static_cast<std::size_t>(got > 0 ? got : 0));
  // Somebody else may have made the shared descriptor non-blocking.
  if (got < 0 && error != EAGAIN) cannot_read(error, name_);
  return got != 0;
}

double LineSource::fraction() const {
  if (size_ == 0) return -1;
  return static_cast<double>(consumed_ + begin_) / static_cast<double>(size_);
}

}  // namespace fetch
