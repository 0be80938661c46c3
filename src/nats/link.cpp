// The link's own thread: connecting, closing, and what else may block.
#include "link.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <atomic>
#include <utility>

#include "coroexec/detail/basic_engine.hpp"
#include "replies.hpp"

namespace coroexec::nats::detail {

asio::awaitable<bool> Signal::wait_unless_cancelled(std::shared_ptr<Signal> self) {
  boost::system::error_code error;  // a cancelled channel has one of its own
  co_await self->channel_.async_receive(asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

asio::awaitable<void> Signal::wait(std::shared_ptr<Signal> self) {
  boost::system::error_code error;  // as above
  co_await self->channel_.async_receive(asio::redirect_error(asio::use_awaitable, error));
  if (error) coroexec::detail::throw_cancelled();
}

Link::Link(const Executor& executor, Settings settings)
    : settings_(std::make_unique<Settings>(std::move(settings))),
      replies_(std::make_unique<Replies>()),
      strand_(asio::make_strand(executor)) {}

Link::~Link() {
  if (thread_.joinable()) thread_.detach();  // it runs this, or is about to return
  if (connection_) natsConnection_Destroy(connection_);
}

asio::awaitable<std::shared_ptr<Link>> Link::connect(Settings settings) {
  const Executor executor = coroexec::detail::base_executor<Executor>(co_await asio::this_coro::executor);
  const auto link = std::make_shared<Link>(executor, std::move(settings));
  struct UnlessDone {
    Link* link;
    ~UnlessDone() {
      if (link) link->abandon();
    }
  } abandon{link.get()};
  link->thread_ = std::thread([link] { link->run(); });
  const std::function<void()> open = [link = link.get()] { link->open(); };
  co_await link->await_off_context(open);
  abandon.link = nullptr;
  co_return link;
}

void Link::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !calls_.empty() || close_requested_; });
    if (calls_.empty()) break;
    auto call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    call();
    call = nullptr;
    lock.lock();
  }
  lock.unlock();
  shut();
  nats_ReleaseThreadMemory();
}

void Link::off_context(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  if (close_requested_) return;
  calls_.push_back(std::move(call));
  changed_.notify_all();
}

asio::awaitable<void> Link::await_off_context(std::function<void()> call, bool quick) {
  struct Wait {
    std::exception_ptr error;
    std::atomic<bool> done = false;
    SignalPtr signal;
  };
  const auto wait = std::make_shared<Wait>();
  wait->signal = std::make_shared<Signal>(executor());
  const std::weak_ptr<Wait> weak = wait;
  const std::function<void()> wrapped = [this, weak, call = std::move(call)] {
    std::exception_ptr error;
    try {
      call();
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    if (auto waiting = weak.lock(); waiting && strand_) {
      waiting->error = error;
      waiting->done = true;
      waiting->signal->set_from_outside();
    }
  };
  off_context(wrapped);
  while (!wait->done) {
    const bool told = co_await Signal::wait_unless_cancelled(wait->signal);
    if (!told && !quick) coroexec::detail::throw_cancelled();
  }
  if (wait->error) std::rethrow_exception(wait->error);
}

void Link::shut() {
  if (connection_) {
    constexpr std::int64_t flush_for = 2000;  // milliseconds
    if (up()) natsConnection_FlushTimeout(connection_, flush_for);
    natsConnection_Close(connection_);
  }
  std::vector<std::weak_ptr<Inbox>> inboxes;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return (!connection_ || told_closed_) && subscriptions_ == 0; });
    inboxes.swap(inboxes_);
  }
  for (const auto& weak : inboxes)
    if (const auto inbox = weak.lock()) inbox->tell([](Receiver& receiver) { receiver.closed(); });
  detached();
  const std::lock_guard lock(mutex_);
  state_ = State::closed;
  waiting_.clear();
  for (const auto& closer : closers_) wake_locked(closer);
}

asio::awaitable<void> Link::close() {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto closed = std::make_shared<Signal>(executor());
  bool first = false, over = false;
  {
    const std::lock_guard lock(mutex_);
    first = !std::exchange(close_requested_, true);
    over = state_ == State::closed;
    closers_.push_back(closed);
    changed_.notify_all();
  }
  while (!over) {
    co_await Signal::wait_unless_cancelled(closed);
    over = is_closed();
  }
  if (first) {
    thread_.join();
    const std::lock_guard lock(mutex_);
    strand_.reset();  // the closed connection may outlive the context
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

void Link::abandon() {
  std::vector<std::weak_ptr<Inbox>> inboxes;
  {
    const std::lock_guard lock(mutex_);
    close_requested_ = true;
    if (watch_) watch_->stop();
    watch_.reset();
    strand_.reset();
    if (state_ == State::up) state_ = State::down;
    inboxes = inboxes_;
    changed_.notify_all();
  }
  for (const auto& weak : inboxes)
    if (const auto inbox = weak.lock()) inbox->detach();
}

void Link::wake_locked(const std::weak_ptr<Signal>& weak) {
  if (const auto signal = weak.lock(); signal && strand_) signal->set_from_outside();
}

bool Link::up() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::up;
}

bool Link::is_closed() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::closed;
}

std::uint64_t Link::reconnects() const {
  const std::lock_guard lock(mutex_);
  return attachments_ == 0 ? 0 : attachments_ - 1;
}

Link::Executor Link::executor() const {
  const std::lock_guard lock(mutex_);
  if (!strand_ || state_ == State::closed) throw_error(errc::closed, "the connection to " + settings_->shown + " has been closed");
  return strand_->get_inner_executor();
}

}  // namespace coroexec::nats::detail
