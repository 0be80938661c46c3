// Keeping connections for reuse.
#include "connection_pool.hpp"

#include <utility>

namespace fetch {
namespace {

// Servers close idle connections after a while, 75 s being nginx's; an older one is not worth the
// try.
constexpr std::chrono::seconds max_idle{50};
// One that is used again at once is not asked whether it is still of use, which is a system call: if the
// server has closed it in that moment, the read tells, and the request goes over another one.
constexpr std::chrono::milliseconds moment{1};

}  // namespace

ConnectionPool::ConnectionPool(asio::any_io_executor executor, std::size_t limit)
    : executor_(std::move(executor)), limit_(limit) {}

std::unique_ptr<Connection> ConnectionPool::take(const std::string& origin) {
  const auto now = Connection::Clock::now();
  while (!idle_.empty() && now - idle_.front().since > max_idle) remove(idle_.begin());
  for (auto found = by_origin_.find(origin); found != by_origin_.end();
       found = by_origin_.find(origin)) {
    const auto idle = now - found->second->since;
    auto connection = remove(found->second);
    if (idle < moment || connection->quiet()) {
      ++reused_;
      return connection;
    }
  }
  return nullptr;
}

std::unique_ptr<Connection> ConnectionPool::make() {
  if (open_ >= limit_ && !idle_.empty()) remove(idle_.begin());
  ++made_;
  return std::make_unique<Connection>(executor_, open_);
}

void ConnectionPool::put(const std::string& origin, std::unique_ptr<Connection> connection) {
  idle_.push_back({origin, std::move(connection), Connection::Clock::now()});
  const auto position = std::prev(idle_.end());
  by_origin_.emplace(position->origin, position);
}

std::unique_ptr<Connection> ConnectionPool::remove(Position position) {
  auto [first, last] = by_origin_.equal_range(position->origin);
  while (first->second != position) ++first;
  by_origin_.erase(first);
  auto connection = std::move(position->connection);
  idle_.erase(position);
  return connection;
}

}  // namespace fetch
