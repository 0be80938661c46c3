// Writing trace events.
#include "trace_file.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace fetch {
namespace {

[[noreturn]] void cannot_write(const std::string& name) {
  throw std::system_error(errno, std::generic_category(), "cannot write the trace to " + name);
}

std::string microseconds(std::chrono::nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(time.count()) * 1e-3);
  return text;
}

}  // namespace

TraceFile::TraceFile(std::string name)
    : name_(std::move(name)), file_(std::fopen(name_.c_str(), "we")) {
  if (!file_) cannot_write(name_);
  write("[\n");
}

void TraceFile::add(const Result& result) {
  const std::string outcome = result.failure ? std::string(name(result.failure->kind)) : "ok";
  write((first_ ? "" : ",\n") + std::string("{\"ph\":\"X\",\"pid\":1,\"tid\":") +
        std::to_string(lane_for(result)) + ",\"ts\":" + microseconds(result.started - began_) +
        ",\"dur\":" + microseconds(result.elapsed) + ",\"cat\":\"" + outcome + "\",\"name\":" +
        json_string(result.url) + ",\"args\":{\"line\":" + std::to_string(result.line) +
        ",\"status\":" + std::to_string(result.status) +
        ",\"attempts\":" + std::to_string(result.attempts) + "}}");
  first_ = false;
}

void TraceFile::close() {
  write("\n]\n");
  if (std::fclose(file_.release()) != 0) cannot_write(name_);
}

void TraceFile::write(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) cannot_write(name_);
}

// Bars in one lane must not overlap, so a fetch goes to the first lane that was free when it
// started.
std::size_t TraceFile::lane_for(const Result& result) {
  const auto free =
      std::ranges::find_if(lanes_, [&](auto ended) { return ended <= result.started; });
  const auto lane = free - lanes_.begin();
  if (free == lanes_.end()) lanes_.emplace_back();
  lanes_[static_cast<std::size_t>(lane)] = result.started + result.elapsed;
  return static_cast<std::size_t>(lane);
}

}  // namespace fetch
