// Where results go: the JSON lines, the summary's counts, the trace.
#pragma once

#include <optional>

#include "options.hpp"
#include "output.hpp"
#include "progress_bar.hpp"
#include "result.hpp"
#include "summary.hpp"
#include "trace_file.hpp"

namespace fetch {

class Reporter {
 public:
  // `output` is the descriptor for JSON lines, negative for none. Throws std::system_error if the
  // trace cannot be written, as report() and close() do; report() also if the line cannot.
  Reporter(asio::any_io_executor executor, int output, const std::string& trace);

  asio::awaitable<void> report(Result result);
  void close();

  // The bar to take out of the way before each line, because both are on one terminal.
  void share_terminal(ProgressBar* bar) { bar_ = bar; }

  Summary& summary() { return summary_; }

 private:
  std::optional<Output> output_;
  std::optional<TraceFile> trace_;
  ProgressBar* bar_ = nullptr;
  Summary summary_;
};

}  // namespace fetch
