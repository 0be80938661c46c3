// Drawing the progress line.
#include "progress_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "summary.hpp"

namespace fetch {
namespace {

constexpr std::chrono::milliseconds period{100};

std::string in_clock(double seconds) {
  const auto whole = static_cast<long>(std::clamp(seconds, 0.0, 359999.0));
  char text[32];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  }
  return text;
}

}  // namespace

std::string progress_line(const Progress& progress, std::chrono::nanoseconds elapsed,
                          std::size_t width) {
  const double seconds = std::max(static_cast<double>(elapsed.count()) * 1e-9, 1e-3);
  const bool known = progress.fraction >= 0;
  const double fraction = std::clamp(progress.fraction, 0.0, 1.0);

  std::string text = grouped(progress.done) + " done";
  if (progress.failed != 0) text += ", " + grouped(progress.failed) + " failed";
  text += ", " + grouped(progress.running) + " running, " +
          grouped(static_cast<std::uint64_t>(static_cast<double>(progress.done) / seconds)) +
          "/s, " + in_clock(seconds);
  if (known && fraction > 0.01)
    text += ", " + in_clock(seconds * (1 - fraction) / fraction) + " left";

  if (known) {
    char percent[8];
    std::snprintf(percent, sizeof percent, " %3.0f%% ", fraction * 100);
    constexpr std::size_t cells = 30;
    const auto full = static_cast<std::size_t>(fraction * cells);
    std::string bar = "[" + std::string(full, '#') + std::string(cells - full, '-') + "]" + percent;
    if (bar.size() + text.size() <= width) text.insert(0, bar);
    else text.insert(0, std::string(percent).substr(1));
  }
  return text.substr(0, width);
}

ProgressBar::ProgressBar(asio::any_io_executor executor, int fd, std::function<Progress()> observe)
    : fd_(fd), observe_(std::move(observe)), timer_(std::move(executor)) {
  schedule();
}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (!std::exchange(drawn_, false)) return;
  [[maybe_unused]] const auto ignored = ::write(fd_, "\r\x1b[K", 4);
}

void ProgressBar::draw() {
  winsize size{};
  const bool asked = ::ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const std::size_t width = asked ? size.ws_col : 80u;
  const std::string line =
      "\r" + progress_line(observe_(), std::chrono::steady_clock::now() - started_, width - 1) +
      "\x1b[K";
  [[maybe_unused]] const auto ignored = ::write(fd_, line.data(), line.size());
  drawn_ = true;
}

void ProgressBar::schedule() {
  timer_.expires_after(period);
  // The handler may be on its way already when this is destroyed.
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    draw();
    schedule();
  });
}

}  // namespace fetch
