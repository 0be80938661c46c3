// One line on the terminal that tells how far it is. A small file of ours because Debian has no C++
// library for it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace fetch {

namespace asio = boost::asio;

struct Progress {
  double fraction = -1;  // 0 to 1, or negative if not known
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::size_t running = 0;
};

// The line itself, at most `width` columns.
std::string progress_line(const Progress& progress, std::chrono::nanoseconds elapsed,
                          std::size_t width);

class ProgressBar {
 public:
  // Draws on the terminal `fd` ten times a second what `observe` tells, until destroyed.
  ProgressBar(asio::any_io_executor executor, int fd, std::function<Progress()> observe);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Removes the line until it is drawn anew, so that other text can be written.
  void clear();

 private:
  void draw();
  void schedule();

  int fd_;
  std::function<Progress()> observe_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  bool drawn_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fetch
