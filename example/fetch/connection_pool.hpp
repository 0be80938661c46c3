// Idle keep-alive connections by origin. Idle and used ones together never exceed the limit: room
// for a new one is made by closing the idle one that has been unused longest.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "connection.hpp"

namespace fetch {

class ConnectionPool {
 public:
  ConnectionPool(asio::any_io_executor executor, std::size_t limit);

  // An idle connection to the origin, or null. One that is no longer of use is closed instead.
  std::unique_ptr<Connection> take(const std::string& origin);
  // A connection yet to be opened.
  std::unique_ptr<Connection> make();
  // Keeps a connection whose last response was read to its end and which the server keeps open.
  void put(const std::string& origin, std::unique_ptr<Connection> connection);

  std::uint64_t made() const { return made_; }
  std::uint64_t reused() const { return reused_; }
  std::size_t idle() const { return idle_.size(); }

 private:
  struct Idle {
    std::string origin;
    std::unique_ptr<Connection> connection;
    Connection::Clock::time_point since;
  };
  using Position = std::list<Idle>::iterator;

  std::unique_ptr<Connection> remove(Position position);

  asio::any_io_executor executor_;
  std::size_t limit_;
  std::size_t open_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t reused_ = 0;
  std::list<Idle> idle_;                                           // unused longest first
  std::unordered_multimap<std::string_view, Position> by_origin_;  // the view is into Idle
};

}  // namespace fetch
