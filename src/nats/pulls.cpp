// Counting what has been asked for.
#include "pulls.hpp"

namespace coroexec::nats::detail {

std::optional<Pulls::Pull> Pulls::ask(std::size_t wanted, Time now, std::size_t least) {
  if (wanted < outstanding_ + least || open_.size() >= most_requests || now < not_before_) return std::nullopt;
  const Pull pull{++last_, wanted - outstanding_};
  open_.emplace(pull.number, Open{pull.batch, now + expires_ + late});
  outstanding_ = wanted;
  return pull;
}

bool Pulls::received() {
  if (open_.empty()) return false;
  --outstanding_;
  if (--open_.begin()->second.left == 0) open_.erase(open_.begin());
  return true;
}

void Pulls::ended(std::uint64_t number) {
  const auto found = open_.find(number);
  if (found == open_.end()) return;
  outstanding_ -= found->second.left;
  open_.erase(found);
}

bool Pulls::expire(Time now) {
  bool any = false;
  for (; !open_.empty() && open_.begin()->second.until <= now; any = true) ended(open_.begin()->first);
  return any;
}

void Pulls::forget() {
  open_.clear();
  outstanding_ = 0;
}

}  // namespace coroexec::nats::detail
