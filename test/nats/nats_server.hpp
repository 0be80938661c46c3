// Real NATS servers on loopback: one alone, or a cluster.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <coroexec/nats/nats.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fetch/program/child.hpp"
#include "fetch/program/held_port.hpp"

namespace coroexec::test {

bool have_nats_server();

class NatsServer {
 public:
  // Starts it, with more lines of configuration. Throws std::runtime_error.
  explicit NatsServer(const std::string& configuration = "");

  std::string url(const std::string& user = "") const {
    return "nats://" + (user.empty() ? "" : user + "@") + "127.0.0.1:" + std::to_string(port_.number());
  }
  void stop();                       // as by an administrator
  void kill() { child_.reset(); }    // connections break
  void start();                      // again, with what it had stored
  void pause();                      // connections stay, nothing is answered
  void resume();
  void write_configuration(const std::string& more);  // for its next start
  const fetch::test::TempDir& directory() const { return directory_; }

 private:
  friend class NatsCluster;
  struct Later {};
  explicit NatsServer(Later) {}

  fetch::test::TempDir directory_;
  fetch::test::HeldPort port_, cluster_port_;
  std::unique_ptr<fetch::test::Child> child_;
};

// Three servers that know each other.
class NatsCluster {
 public:
  NatsCluster();
  NatsServer& operator[](std::size_t i) { return *servers_[i]; }
  std::string urls() const;

 private:
  std::vector<std::unique_ptr<NatsServer>> servers_;
};

// A test program without a server: says so and skips what follows.
#define REQUIRE_NATS_SERVER()                                                                \
  if (!::coroexec::test::have_nats_server()) {                                               \
    testing::Test::RecordProperty("skipped", "nats-server");                                 \
    std::cout << "nats-server is not installed (tools/install-deps.sh)\n";                   \
    co_return;                                                                               \
  }                                                                                          \
  static_assert(true)

// So many jobs "0", "1", … on a new work queue `stream`.
asio::awaitable<void> fill(const nats::Connection& connection, std::string_view stream, int jobs);


// Asks the server's JetStream as an administrator's tool does, past the component, and gives what it answers.
asio::awaitable<std::string> tell_server(asio::any_io_executor executor, std::string url, std::string subject, std::string body);

}  // namespace coroexec::test
