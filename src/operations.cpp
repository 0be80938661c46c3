#include "coroexec/race.hpp"
#include "coroexec/with_timeout.hpp"

namespace coroexec {

Timeout::Timeout(std::chrono::nanoseconds limit, std::string_view name) : limit_(limit), name_(name) {}

bool detail::was_out_of_time(const TaskBase& operation) noexcept {
  return operation.state() == TaskState::cancelled &&
         operation.cancel_reason.load(std::memory_order_relaxed) == CancelReason::deadline;
}

void detail::throw_nothing_to_race() {
  throw_error(errc::invalid_argument, "race: the range is empty, nobody can win");
}

}  // namespace coroexec
