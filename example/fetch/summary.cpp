// The counts and percentiles at the end of a run.
#include "summary.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace fetch {
namespace {

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string in_bytes(std::uint64_t bytes) {
  constexpr const char* units[] = {" B", " KB", " MB", " GB", " TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  return format(unit == 0 ? "%.0f" : "%.1f", value) + units[unit];
}

std::string in_time(std::chrono::nanoseconds time) {
  const auto us = static_cast<double>(time.count()) * 1e-3;
  if (us < 1e3) return format("%.0f us", us);
  if (us < 1e6) return format("%.1f ms", us * 1e-3);
  return format("%.2f s", us * 1e-6);
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (auto place = static_cast<std::ptrdiff_t>(text.size()) - 3; place > 0; place -= 3)
    text.insert(static_cast<std::size_t>(place), ",");
  return text;
}

void Summary::add(const Result& result) {
  if (!result.final_url.empty()) ++redirected_;
  if (result.failure) {
    ++failures_[static_cast<std::size_t>(result.failure->kind)];
    return;
  }
  ++ok_;
  bytes_ += result.bytes;
  latency_.record(result.elapsed);
}

std::uint64_t Summary::failed() const {
  return std::accumulate(failures_.begin(), failures_.end(), std::uint64_t{0});
}

std::string Summary::text(std::chrono::nanoseconds elapsed) const {
  const double seconds = std::max(static_cast<double>(elapsed.count()) * 1e-9, 1e-9);
  std::string out = grouped(total()) + (total() == 1 ? " URL in " : " URLs in ") +
                    format("%.2f s", seconds) + ", " +
                    grouped(static_cast<std::uint64_t>(static_cast<double>(total()) / seconds)) +
                    "/s, " + in_bytes(bytes_) + "\n";
  out += "  ok           " + grouped(ok_);
  if (redirected_ != 0) out += ", " + grouped(redirected_) + " redirected";
  if (retries != 0) out += ", " + grouped(retries) + (retries == 1 ? " retry" : " retries");
  out += "\n";
  if (failed() != 0) {
    out += "  failed       " + grouped(failed()) + ":";
    const char* separator = " ";
    for (std::size_t kind = 0; kind < failures_.size(); ++kind) {
      if (failures_[kind] == 0) continue;
      out += separator + grouped(failures_[kind]) + " " +
             std::string(name(static_cast<ErrorKind>(kind)));
      separator = ", ";
    }
    out += "\n";
  }
  if (latency_.count() != 0) {
    out += "  latency      p50 " + in_time(latency_.percentile(50)) + "   p90 " +
           in_time(latency_.percentile(90)) + "   p99 " + in_time(latency_.percentile(99)) +
           "   p99.9 " + in_time(latency_.percentile(99.9)) + "   max " + in_time(latency_.max()) +
           "\n";
  }
  out += "  connections  " + grouped(connections) + " opened, reused " +
         grouped(connections_reused) + " times\n";
  return out;
}

}  // namespace fetch
