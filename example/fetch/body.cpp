// Decoding, limiting and storing a response body.
#include "body.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "fetch_error.hpp"

namespace fetch {
namespace {

[[noreturn]] void cannot_write(const std::string& path) {
  const int error = errno;
  throw FetchError(ErrorKind::write_file,
                   "cannot write " + path + ": " + std::generic_category().message(error));
}

[[noreturn]] void too_large(const char* what, std::uint64_t limit) {
  throw FetchError(ErrorKind::body_too_large, std::string("the ") + what +
                                                  " is larger than --max-body, " +
                                                  std::to_string(limit) + " bytes");
}

}  // namespace

BodyFile::BodyFile(std::string path) : path_(std::move(path)), partial_(path_ + ".part") {
  fd_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) cannot_write(partial_);
}

BodyFile::~BodyFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(partial_.c_str());
}

void BodyFile::write(std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd_, data.data(), data.size());
    if (written < 0 && errno != EINTR) cannot_write(partial_);
    if (written > 0) data.remove_prefix(static_cast<std::size_t>(written));
  }
}

void BodyFile::commit() {
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0 || std::rename(partial_.c_str(), path_.c_str()) != 0) cannot_write(path_);
}

void Body::begin(std::string_view content_encoding, std::optional<std::uint64_t> content_length) {
  wire_ = decoded_ = 0;
  inflater_.reset();
  file_.reset();
  const auto encoding = parse_encoding(content_encoding);
  if (!encoding)
    throw FetchError(ErrorKind::decode, "Content-Encoding \"" +
                                            std::string(content_encoding.substr(0, 100)) +
                                            "\" is not supported");
  if (content_length && *content_length > limit_) too_large("body", limit_);
  if (*encoding != Encoding::identity) inflater_ = std::make_unique<Inflater>(*encoding);
  if (!path_.empty()) file_ = std::make_unique<BodyFile>(path_);
}

void Body::write(std::string_view wire) {
  wire_ += wire.size();
  if (wire_ > limit_) too_large("body", limit_);
  if (!inflater_) return store(wire);
  for (;;) {
    const std::string_view decoded = inflater_->next(wire);
    if (decoded.empty()) return;
    store(decoded);
  }
}

void Body::store(std::string_view data) {
  decoded_ += data.size();
  if (decoded_ > limit_) too_large("decompressed body", limit_);
  if (file_) file_->write(data);
}

void Body::finish() {
  if (inflater_ && !inflater_->complete())
    throw FetchError(ErrorKind::decode, "the compressed body ends early", Retry::yes);
  if (file_) file_->commit();
  file_.reset();
}

}  // namespace fetch
