// Pulls: the decision how many messages to ask a stream for, and when. Knows no connection and is told the time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace coroexec::nats::detail {

class Pulls {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Pull {
    std::uint64_t number;
    std::size_t batch;
  };

  // The server keeps a request for `expires`; its word of that may take a little longer, or be lost.
  explicit Pulls(std::chrono::nanoseconds expires) : expires_(expires) {}

  // What to ask for so that `wanted` messages are on their way. Nothing if they are but for less than `least`, which
  // are not worth a request, or it is not the time.
  std::optional<Pull> ask(std::size_t wanted, Time now, std::size_t least = 1);
  // A message has come: for the oldest request, as nothing says for which. False: none is open any more.
  bool received();
  // The server has ended the request, whatever was left of it.
  void ended(std::uint64_t number);
  // Ends what the server must have ended by now. True: there was something, and it has said nothing.
  bool expire(Time now);
  // The server has forgotten all of them.
  void forget();
  // Nobody is there to answer: ask nothing before that time.
  void pause_until(Time time) { not_before_ = time; }

  std::size_t outstanding() const { return outstanding_; }

 private:
  static constexpr std::size_t most_requests = 64;  // the server has room for 512 of all machines
  static constexpr std::chrono::seconds late{2};

  struct Open {
    std::size_t left;
    Time until;
  };
  std::chrono::nanoseconds expires_;
  std::map<std::uint64_t, Open> open_;
  std::size_t outstanding_ = 0;
  std::uint64_t last_ = 0;
  Time not_before_ = Time::min();
};

}  // namespace coroexec::nats::detail
