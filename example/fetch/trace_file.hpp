// What ran when, in a file in Chrome's trace-event format (chrome://tracing, ui.perfetto.dev): the library's jobs, a
// track a worker, and in each the fetch that it was.
#pragma once

#include <coroexec/trace.hpp>
#include <memory>
#include <ostream>
#include <streambuf>
#include <string>

#include "result.hpp"

namespace fetch {

// A stream to a file that knows why it failed.
class FileStream : private std::streambuf, public std::ostream {
 public:
  explicit FileStream(const std::string& name);
  ~FileStream() override;
  int error() const { return error_; }  // errno; 0: none

 private:
  int overflow(int c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;

  int fd_;
  int error_ = 0;
};

class TraceFile {
 public:
  // Throws std::system_error, as close() does, for what went wrong since too: no result is to be lost for a trace.
  explicit TraceFile(std::string name);
  TraceFile(const TraceFile&) = delete;
  ~TraceFile();  // the scopes may keep their observer for longer than the file is there

  std::shared_ptr<coroexec::Observer> observer() const { return trace_; }
  void add(const Result& result);  // from its job
  void close();

 private:
  void check() const;

  std::string name_;
  std::unique_ptr<FileStream> file_;
  std::shared_ptr<coroexec::ChromeTrace> trace_;
};

}  // namespace fetch
