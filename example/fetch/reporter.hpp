// Where results go: the JSON lines and the summary's counts.
#pragma once

#include <optional>

#include "output.hpp"
#include "progress_bar.hpp"
#include "result.hpp"
#include "summary.hpp"

namespace fetch {

class Reporter {
 public:
  // `output` is the descriptor for JSON lines, negative for none.
  Reporter(asio::any_io_executor executor, int output);

  // Throws std::system_error if the line cannot be written.
  asio::awaitable<void> report(Result result);

  // The bar to take out of the way before each line, because both are on one terminal.
  void share_terminal(ProgressBar* bar) { bar_ = bar; }

  Summary& summary() { return summary_; }

 private:
  std::optional<Output> output_;
  ProgressBar* bar_ = nullptr;
  Summary summary_;
};

}  // namespace fetch
