// Keeping time.
#include "leases.hpp"

namespace coroexec::nats::detail {

void Leases::confirmed(std::uint64_t id) {
  const auto found = held_.find(id);
  if (found == held_.end() || !found->second.open) return;
  found->second.confirmed = found->second.asked;
  found->second.open = false;
}

Leases::Due Leases::due(Time now) {
  Due due;
  for (auto i = held_.begin(); i != held_.end();) {
    auto& [id, held] = *i;
    // The server's clock started before ours: it is lost a little early.
    if (now - held.confirmed >= lease_ / 6 * 5) {
      due.lost.push_back(id);
      i = held_.erase(i);
      continue;
    }
    // Asked for again at each look while nobody confirms.
    if (held.open || now - held.confirmed >= lease_ / 4) {
      due.renew.push_back(id);
      if (!held.open) held.asked = now;
      held.open = true;
    }
    ++i;
  }
  return due;
}

}  // namespace coroexec::nats::detail
