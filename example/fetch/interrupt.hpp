// Ctrl-C in two steps: the first stops taking in and gives what runs a grace period, its end or a
// second one cancels; a third ends the process at once. SIGTERM is the same.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace fetch {

namespace asio = boost::asio;

class Interrupt {
 public:
  struct Actions {
    std::function<void()> stop;    // take in no more
    std::function<void()> cancel;  // cancel what runs
  };

  Interrupt(asio::any_io_executor executor, std::chrono::nanoseconds grace, Actions actions);

  // The signal that arrived first; 0 if none has.
  int signal() const { return signal_; }

 private:
  enum class State { running, stopping, cancelled };

  void wait_for_signal();
  void stop(int signal);
  void cancel();

  std::chrono::nanoseconds grace_;
  Actions actions_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  State state_ = State::running;
  int signal_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fetch
