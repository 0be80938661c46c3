// Every fetch as a bar on a time line: a file in Chrome's trace-event format (chrome://tracing,
// ui.perfetto.dev), written as the results come.
#pragma once

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "result.hpp"

namespace fetch {

class TraceFile {
 public:
  // Throws std::system_error, as add() and close() do.
  explicit TraceFile(std::string name);

  void add(const Result& result);
  void close();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void write(const std::string& text);
  std::size_t lane_for(const Result& result);

  std::string name_;
  std::unique_ptr<std::FILE, Close> file_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::vector<std::chrono::steady_clock::time_point> lanes_;  // when the last fetch in each ended
  bool first_ = true;
};

}  // namespace fetch
