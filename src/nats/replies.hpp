// Replies: the answers to requests, each to who asked.
#pragma once

#include <map>

#include "link.hpp"

namespace coroexec::nats::detail {

class Link::Replies final : public Receiver {
 public:
  struct Wait {
    explicit Wait(const Executor& executor) : signal(std::make_shared<Signal>(executor)) {}
    const SignalPtr signal;
    std::shared_ptr<natsMsg> message;  // null once told: the connection has been closed
  };

  void open(std::shared_ptr<Inbox> inbox) { inbox_ = std::move(inbox); }
  std::string add(std::uint64_t& number, const std::shared_ptr<Wait>& wait);  // gives the subject to reply to
  void remove(std::uint64_t number);

 private:
  void received(std::uint64_t number, MessagePtr message) override;
  void closed() override;

  std::shared_ptr<Inbox> inbox_;
  std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::weak_ptr<Wait>> waits_;
};

}  // namespace coroexec::nats::detail
