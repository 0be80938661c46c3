// A program of a user of coroexec::nats. No server listens where it looks for one, and it is told so.
#include <coroexec/nats/nats.hpp>
#include <coroexec/run.hpp>
#include <cstdlib>
#include <iostream>

boost::asio::awaitable<bool> is_unreachable() {
  try {
    auto connection = co_await coroexec::nats::connect({.servers = "nats://127.0.0.1:1"});
    co_await connection.close();
  } catch (const boost::system::system_error& error) {
    co_return error.code() == coroexec::nats::errc::unreachable;
  }
  co_return false;
}

int main() {
  if (!coroexec::run(is_unreachable())) return EXIT_FAILURE;
  std::cout << "coroexec " << COROEXEC_VERSION_MAJOR << '.' << COROEXEC_VERSION_MINOR << '.' << COROEXEC_VERSION_PATCH
            << " works\n";
}
