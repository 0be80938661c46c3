// The states between the first Ctrl-C and the end.
#include "interrupt.hpp"

#include <csignal>
#include <utility>

namespace fetch {

Interrupt::Interrupt(asio::any_io_executor executor, std::chrono::nanoseconds grace,
                     Actions actions)
    : grace_(grace),
      actions_(std::move(actions)),
      signals_(executor, SIGINT, SIGTERM),
      timer_(executor) {
  wait_for_signal();
}

void Interrupt::wait_for_signal() {
  // The handlers here may be on their way already when this is destroyed.
  signals_.async_wait(
      [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error, int signal) {
        if (error || alive.expired()) return;
        if (state_ == State::running) {
          stop(signal);
          wait_for_signal();
        } else {
          cancel();
        }
      });
}

void Interrupt::stop(int signal) {
  state_ = State::stopping;
  signal_ = signal;
  timer_.expires_after(grace_);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (!error && !alive.expired()) cancel();
  });
  actions_.stop();
}

void Interrupt::cancel() {
  if (std::exchange(state_, State::cancelled) == State::cancelled) return;
  signals_.clear();  // the next one has its usual effect
  timer_.cancel();
  actions_.cancel();
}

}  // namespace fetch
