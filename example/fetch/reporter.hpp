// Where results go: the JSON lines and the summary's counts.
#pragma once

#include <climits>
#include <optional>
#include <string>

#include "output.hpp"
#include "progress_bar.hpp"
#include "result.hpp"
#include "summary.hpp"

namespace fetch {

class Reporter {
 public:
  // `output` is the descriptor for JSON lines, negative for none.
  Reporter(asio::any_io_executor executor, int output);

  // Counts the result and keeps its line for flush().
  void add(const Result& result);
  // Another line may not fit into the same write.
  bool full() const { return lines_.size() > PIPE_BUF / 4 * 3; }
  // Returns when all lines are written. Throws std::system_error.
  asio::awaitable<void> flush();

  // The bar to take out of the way before lines, because both are on one terminal.
  void share_terminal(ProgressBar* bar) { bar_ = bar; }

  Summary& summary() { return summary_; }

 private:
  std::optional<Output> output_;
  std::string lines_;  // not written yet
  ProgressBar* bar_ = nullptr;
  Summary summary_;
};

}  // namespace fetch
