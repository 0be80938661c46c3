// Configuring and starting servers.
#include "nats_server.hpp"

#include <fcntl.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace coroexec::test {
namespace {

const char* program() {
  for (const char* path : {"/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"})
    if (std::filesystem::exists(path)) return path;
  return nullptr;
}

}  // namespace

bool have_nats_server() { return program() != nullptr; }

NatsServer::NatsServer(const std::string& configuration) {
  write_configuration(configuration);
  start();
}

void NatsServer::write_configuration(const std::string& more) {
  directory_.write("nats.conf", "host: 127.0.0.1\nport: " + std::to_string(port_.number()) +
                                    "\nserver_name: s" + std::to_string(port_.number()) + "\njetstream { store_dir: \"" +
                                    directory_.file("store") + "\" }\n" + more);
}

void NatsServer::start() {
  // Written when it listens; that somebody listens would not tell that it is this one.
  const auto ready = [this] {
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      if (entry.path().extension() == ".ports") return true;
    return false;
  };
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    if (entry.path().extension() == ".ports") std::filesystem::remove(entry.path());
  const std::string log = directory_.file("log");
  const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  child_ = std::make_unique<fetch::test::Child>(
      std::vector<std::string>{program(), "-c", directory_.file("nats.conf"), "--ports_file_dir", directory_.path().string()},
      fetch::test::Child::Streams{-1, -1, fd});
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!ready()) {
    if (std::chrono::steady_clock::now() > give_up)
      throw std::runtime_error("nats-server does not start: " + fetch::test::read_file(log));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void NatsServer::stop() {
  child_->signal(SIGTERM);
  child_->wait();
}

void NatsServer::pause() { child_->signal(SIGSTOP); }
void NatsServer::resume() { child_->signal(SIGCONT); }

NatsCluster::NatsCluster() {
  // The ports are held before any of them starts.
  for (int i = 0; i < 3; ++i) servers_.emplace_back(new NatsServer(NatsServer::Later()));
  const auto cluster_port = [](const NatsServer& server) { return std::to_string(server.cluster_port_.number()); };
  std::string routes;
  for (auto& server : servers_) {
    if (!routes.empty()) routes += ", ";
    routes += "nats-route://127.0.0.1:" + cluster_port(*server);
  }
  for (auto& server : servers_) {
    server->write_configuration("cluster { name: test, host: 127.0.0.1, port: " + cluster_port(*server) +
                                ", routes: [ " + routes + " ] }\n");
    server->start();
  }
}

std::string NatsCluster::urls() const {
  std::string urls;
  for (auto& server : servers_) urls += (urls.empty() ? "" : ",") + server->url();
  return urls;
}

asio::awaitable<void> fill(const nats::Connection& connection, std::string_view stream, int jobs) {
  const std::string name(stream);
  co_await nats::make_work_queue(connection, {.name = name});
  std::vector<nats::Outgoing> messages;
  for (int i = 0; i < jobs; ++i) messages.push_back({name, std::to_string(i), std::to_string(i)});
  co_await nats::publish(connection, std::move(messages));
}

asio::awaitable<std::string> tell_server(asio::any_io_executor executor, std::string url, std::string subject, std::string body) {
  asio::ip::tcp::socket socket(executor);
  const auto port = static_cast<unsigned short>(std::stoi(url.substr(url.rfind(':') + 1)));
  co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, asio::use_awaitable);
  const std::string text = "CONNECT {\"verbose\":false}\r\nSUB answer 1\r\nPUB " + subject + " answer " +
                           std::to_string(body.size()) + "\r\n" + body + "\r\n";
  co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
  std::string answer;
  while (answer.find("MSG answer") == answer.npos || !answer.ends_with("}\r\n")) {
    char buffer[4096];
    answer.append(buffer, co_await socket.async_read_some(asio::buffer(buffer), asio::use_awaitable));
  }
  co_return answer;
}

}  // namespace coroexec::test
