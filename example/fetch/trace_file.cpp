// Writing the trace.
#include "trace_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace fetch {

FileStream::FileStream(const std::string& name)
    : std::ostream(this), fd_(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (fd_ >= 0) return;
  error_ = errno;
  setstate(badbit);
}

FileStream::~FileStream() {
  if (fd_ >= 0) ::close(fd_);
}

int FileStream::overflow(int c) {
  const char byte = static_cast<char>(c);
  return xsputn(&byte, 1) == 1 ? c : std::streambuf::traits_type::eof();
}

std::streamsize FileStream::xsputn(const char* text, std::streamsize size) {
  std::streamsize written = 0;
  while (written < size && error_ == 0) {
    const auto count = ::write(fd_, text + written, static_cast<std::size_t>(size - written));
    if (count >= 0)
      written += count;
    else if (errno != EINTR)
      error_ = errno;
  }
  return written;
}

TraceFile::TraceFile(std::string name) : name_(std::move(name)), file_(std::make_unique<FileStream>(name_)) {
  check();
  trace_ = std::make_shared<coroexec::ChromeTrace>(*file_);
}

TraceFile::~TraceFile() { trace_->close(); }

void TraceFile::add(const Result& result) {
  const std::string outcome = result.failure ? std::string(name(result.failure->kind)) : "ok";
  trace_->add(result.url, result.started, result.started + result.elapsed,
              {{"line", static_cast<std::int64_t>(result.line)},
               {"status", static_cast<std::int64_t>(result.status)},
               {"attempts", static_cast<std::int64_t>(result.attempts)},
               {"outcome", outcome}});
}

void TraceFile::close() {
  trace_->close();
  check();
}

void TraceFile::check() const {
  if (file_->error() != 0)
    throw std::system_error(file_->error(), std::generic_category(), "cannot write the trace to " + name_);
}

}  // namespace fetch
