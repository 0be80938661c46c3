// The public face of a link.
#include "coroexec/nats/connection.hpp"

#include <utility>

#include "link.hpp"

namespace coroexec::nats {

const std::shared_ptr<detail::Link>& detail::Access::link(const Connection& connection) { return connection.link_; }

Connection::Connection(std::shared_ptr<detail::Link> link) : link_(std::move(link)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  if (link_) link_->abandon();
  link_ = std::move(other.link_);
  return *this;
}

Connection::~Connection() {
  if (link_ && !link_->is_closed()) link_->abandon();
}

namespace {
asio::awaitable<void> close_link(std::shared_ptr<detail::Link> link) {
  if (!link->is_closed()) co_await link->close();
}
asio::awaitable<Connection> connect_to(detail::Link::Settings settings) {
  co_return detail::Access::connection(co_await detail::Link::connect(std::move(settings)));
}
}  // namespace

asio::awaitable<void> Connection::close() { return close_link(link_); }
bool Connection::connected() const { return link_->up(); }
std::uint64_t Connection::reconnects() const { return link_->reconnects(); }
std::string Connection::servers() const { return link_->settings().shown; }

asio::awaitable<Connection> connect(NatsOptions options) { return connect_to(detail::Link::Settings(options)); }

}  // namespace coroexec::nats
