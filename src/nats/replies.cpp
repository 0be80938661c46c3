// Requests.
#include "replies.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "coroexec/with_timeout.hpp"

namespace coroexec::nats::detail {

std::string Link::Replies::add(std::uint64_t& number, const std::shared_ptr<Wait>& wait) {
  const std::lock_guard lock(mutex_);
  number = ++last_;
  waits_.emplace(number, wait);
  return inbox_->subject(number);
}

void Link::Replies::remove(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  waits_.erase(number);
}

void Link::Replies::received(std::uint64_t number, MessagePtr message) {
  const std::lock_guard lock(mutex_);
  const auto found = waits_.find(number);
  if (found == waits_.end()) return;
  if (const auto wait = found->second.lock()) {
    wait->message = std::move(message);
    wait->signal->set_from_outside();
  }
  waits_.erase(found);
}

void Link::Replies::closed() {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, weak] : waits_)
    if (const auto wait = weak.lock()) wait->signal->set_from_outside();
  waits_.clear();
}

asio::awaitable<std::shared_ptr<natsMsg>> Link::request(Packet packet, std::chrono::nanoseconds timeout) {
  const auto self = shared_from_this();
  const auto wait = std::make_shared<Replies::Wait>(executor());
  struct Remove {
    Replies& replies;
    std::uint64_t number = 0;
    ~Remove() { replies.remove(number); }
  } remove{*replies_};
  packet.reply = replies_->add(remove.number, wait);
  const std::string what = packet.subject;
  send(std::move(packet));
  Timeout limit(timeout);
  std::exception_ptr failure;
  try {
    co_await with_timeout(limit, Signal::wait(wait->signal));
  } catch (...) {
    failure = std::current_exception();
  }
  if (limit.expired())
    throw_error(errc::no_answer, "no answer from " + settings_->shown + " to " + what + " within " +
                                     std::to_string(std::chrono::ceil<std::chrono::milliseconds>(timeout).count()) + " ms");
  if (failure) std::rethrow_exception(failure);
  if (!wait->message) std::rethrow_exception(closed_error());
  co_return std::move(wait->message);
}

}  // namespace coroexec::nats::detail
