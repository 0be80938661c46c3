// A response body on its way from the wire to its file or nowhere: decoded, counted and limited.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "inflate_body.hpp"

namespace fetch {

// A file that has its final name only once it is whole.
class BodyFile {
 public:
  // Throws FetchError (write_file), as write() and commit() do.
  explicit BodyFile(std::string path);
  ~BodyFile();
  BodyFile(const BodyFile&) = delete;
  BodyFile& operator=(const BodyFile&) = delete;

  void write(std::string_view data);
  void commit();

 private:
  std::string path_;
  std::string partial_;
  int fd_ = -1;
};

class Body {
 public:
  // `path` is empty for a body that is discarded; the limit holds for the bytes on the wire and
  // for the decoded ones.
  Body(std::uint64_t limit, std::string path) : limit_(limit), path_(std::move(path)) {}

  // A response begins, perhaps after one that failed half-way. Throws FetchError.
  void begin(std::string_view content_encoding, std::optional<std::uint64_t> content_length);
  void write(std::string_view wire);  // Throws FetchError.
  void finish();                      // Throws FetchError if the compressed data ended early.

  std::uint64_t bytes() const { return decoded_; }

 private:
  void store(std::string_view data);

  std::uint64_t limit_;
  std::string path_;
  std::uint64_t wire_ = 0;
  std::uint64_t decoded_ = 0;
  std::unique_ptr<Inflater> inflater_;
  std::unique_ptr<BodyFile> file_;
};

}  // namespace fetch
