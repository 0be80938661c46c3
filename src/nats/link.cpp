// The link's own thread: connecting, closing, and what else may block.
#include "link.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
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

// The links of a context, which they must not use once it is being destroyed.
class Link::Links final : public asio::execution_context::service {
 public:
  inline static asio::execution_context::id id;
  explicit Links(asio::execution_context& context) : service(context) {}
  void add(const std::shared_ptr<Link>& link) {
    const std::lock_guard lock(mutex_);
    std::erase_if(links_, [](const auto& weak) { return weak.expired(); });
    links_.push_back(link);
  }

 private:
  void shutdown() override {
    for (const auto& weak : links_)
      if (const auto link = weak.lock()) link->abandon();
  }
  std::mutex mutex_;
  std::vector<std::weak_ptr<Link>> links_;
};

// Threads of links that have been abandoned, which nobody waits for but the end of the process: with that goes what they
// use. They end by themselves; one that connects does at its timeout.
class Link::Orphans {
 public:
  static Orphans& all() {
    static Orphans orphans;
    return orphans;
  }
  ~Orphans() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return count_ == 0; });
  }
  void add(int change) {
    const std::lock_guard lock(mutex_);
    count_ += change;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

void Link::wait_for_orphans_at_exit() { Orphans::all(); }

asio::awaitable<std::shared_ptr<Link>> Link::connect(Settings settings) {
  const Executor executor = coroexec::detail::base_executor<Executor>(co_await asio::this_coro::executor);
  const auto link = std::make_shared<Link>(executor, std::move(settings));
  asio::use_service<Links>(asio::query(executor, asio::execution::context)).add(link);
  link->thread_ = std::thread([owner = link]() mutable {
    const bool orphan = owner->run();
    owner.reset();
    if (orphan) Orphans::all().add(-1);
  });
  struct UnlessDone {
    Link* link;
    ~UnlessDone() {
      if (link) link->abandon();
    }
  } abandon{link.get()};
  const std::function<void()> open = [link = link.get()] { link->open(); };
  co_await link->await_off_context(open);
  abandon.link = nullptr;
  co_return link;
}

bool Link::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !calls_.empty() || close_requested_; });
    if (calls_.empty()) break;
    auto call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    quietly(call);
    call = nullptr;
    lock.lock();
  }
  lock.unlock();
  shut();
  nats_ReleaseThreadMemory();
  lock.lock();
  thread_ended_ = true;
  return orphan_;
}

bool Link::off_context(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  if (close_requested_) return false;
  calls_.push_back(std::move(call));
  changed_.notify_all();
  return true;
}

asio::awaitable<void> Link::await_off_context(std::function<void()> call) {
  struct Wait {
    std::exception_ptr error;
    bool done = false;
    SignalPtr signal;
  };
  const auto self = shared_from_this();
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
    if (!strand_) return;
    if (const auto waiting = weak.lock()) {
      waiting->error = error;
      waiting->done = true;
      waiting->signal->set_from_outside();
    }
  };
  if (!off_context(wrapped)) std::rethrow_exception(closed_error());
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (wait->done) break;
      if (!strand_) std::rethrow_exception(closed_error());
      add_waiter_locked(wait->signal);
    }
    co_await Signal::wait(wait->signal);
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
    changed_.wait(lock, [this] { return (!connection_ || (told_closed_ && !attached_)) && subscriptions_ == 0; });
    inboxes.swap(inboxes_);
  }
  for (const auto& weak : inboxes)
    if (const auto inbox = weak.lock()) inbox->tell([](Receiver& receiver) { receiver.closed(); });
  detached();
  const std::lock_guard lock(mutex_);
  state_ = State::closed;
  waiting_.clear();
  waiting_bytes_ = 0;
  wake_waiters_locked();
  strand_.reset();  // the closed connection may outlive the context
}

asio::awaitable<void> Link::close() {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto self = shared_from_this();
  const auto closed = std::make_shared<Signal>(executor());
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = !std::exchange(close_requested_, true);
    changed_.notify_all();
  }
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (!strand_) break;
      add_waiter_locked(closed);
    }
    co_await Signal::wait_unless_cancelled(closed);
  }
  if (first && is_closed()) thread_.join();
  co_await asio::this_coro::throw_if_cancelled(throws);
}

void Link::abandon() noexcept {
  std::vector<std::weak_ptr<Inbox>> inboxes;
  {
    const std::lock_guard lock(mutex_);
    close_requested_ = true;
    if (!thread_ended_ && !std::exchange(orphan_, true)) Orphans::all().add(1);
    if (watch_) quietly([this] { watch_->stop(); });
    watch_.reset();
    wake_waiters_locked();
    strand_.reset();
    if (state_ == State::up) state_ = State::down;
    inboxes.swap(inboxes_);
    changed_.notify_all();
  }
  for (const auto& weak : inboxes)
    if (const auto inbox = weak.lock()) {
      quietly([&] { inbox->tell([](Receiver& receiver) { receiver.closed(); }); });
      inbox->detach();
    }
}

void Link::add_waiter_locked(const SignalPtr& signal) {
  std::erase_if(waiters_, [](const auto& weak) { return weak.expired(); });
  waiters_.push_back(signal);
}

void Link::wake_waiters_locked() noexcept {
  for (const auto& weak : waiters_)
    if (const auto signal = weak.lock(); signal && strand_) quietly([&] { signal->set_from_outside(); });
  waiters_.clear();
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
  if (!strand_) std::rethrow_exception(closed_error());
  return strand_->get_inner_executor();
}

std::exception_ptr Link::closed_error() const {
  return make_error(errc::closed, "the connection to " + settings_->shown + " has been closed");
}

}  // namespace coroexec::nats::detail
