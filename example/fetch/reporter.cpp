// Handing a result to all that want it.
#include "reporter.hpp"

#include <utility>

namespace fetch {

Reporter::Reporter(asio::any_io_executor executor, int output) {
  if (output >= 0) output_.emplace(std::move(executor), output);
}

void Reporter::add(const Result& result) {
  summary_.add(result);
  if (output_) append_json_line(lines_, result);
}

asio::awaitable<void> Reporter::flush() {
  if (lines_.empty()) co_return;
  if (bar_) bar_->clear();
  co_await output_->write(std::exchange(lines_, {}));
}

}  // namespace fetch
