// Handing a result to all that want it.
#include "reporter.hpp"

#include <utility>

namespace fetch {

Reporter::Reporter(asio::any_io_executor executor, int output) {
  if (output >= 0) output_.emplace(std::move(executor), output);
}

asio::awaitable<void> Reporter::report(Result result) {
  summary_.add(result);
  if (!output_) co_return;
  if (bar_) bar_->clear();
  std::string line = to_json_line(result);
  co_await output_->write(std::move(line));
}

}  // namespace fetch
