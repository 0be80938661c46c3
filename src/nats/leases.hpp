// Leases: the decision which messages' leases are to be renewed, and which are lost. Knows no connection and is told the
// time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

namespace coroexec::nats::detail {

class Leases {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Leases(std::chrono::nanoseconds lease) : lease_(lease) {}

  void add(std::uint64_t id, Time now) { held_.insert_or_assign(id, Held{now, now, false}); }
  void remove(std::uint64_t id) { held_.erase(id); }
  // The server has confirmed a renewal of this one. What counts is when the first one not confirmed was asked for.
  void confirmed(std::uint64_t id);

  struct Due {
    std::vector<std::uint64_t> renew, lost;
  };
  // What is to be done now. The lost ones are forgotten.
  Due due(Time now);

  // To be asked so often at least.
  std::chrono::nanoseconds tick() const { return lease_ / 12; }

 private:
  struct Held {
    Time confirmed;  // the lease began so late at least
    Time asked;      // the first one not confirmed, if it is open
    bool open;
  };
  std::chrono::nanoseconds lease_;
  std::map<std::uint64_t, Held> held_;
};

}  // namespace coroexec::nats::detail
