// Configuring and starting nginx.
#include "nginx.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace fetch::test {
namespace {

constexpr const char* program = "/usr/sbin/nginx";

std::string sample_text() {
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text += "line " + std::to_string(i) + " of a text that compresses\n";
  return text;
}

}  // namespace

bool have_nginx() { return std::filesystem::exists(program); }

Nginx::Nginx() {
  make_certificates();
  directory_.write("small.txt", "hello\n");
  directory_.write("big.txt", sample_text());
  directory_.write("nginx.conf", configuration());
  start();
}

void Nginx::make_certificates() {
  const auto file = [this](const std::string& name) { return directory_.file(name); };
  const std::vector<std::string> new_key = {"-newkey", "ec", "-pkeyopt",
                                            "ec_paramgen_curve:prime256v1", "-nodes"};
  const auto request = [&](std::vector<std::string> command, const std::string& name) {
    command.insert(command.end(), new_key.begin(), new_key.end());
    command.insert(command.end(), {"-keyout", file(name + ".key"), "-subj", "/CN=" + name});
    run_command(command);
  };
  request({"openssl", "req", "-x509", "-days", "2", "-out", file("ca.pem")}, "ca");
  const auto sign = [&](const std::string& name, const std::string& alternatives) {
    request({"openssl", "req", "-new", "-out", file(name + ".csr")}, name);
    directory_.write(name + ".ext", "subjectAltName=" + alternatives + "\n");
    run_command({"openssl", "x509", "-req", "-days", "2", "-in", file(name + ".csr"), "-CA",
                 file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-extfile",
                 file(name + ".ext"), "-out", file(name + ".pem")});
  };
  sign("server", "DNS:localhost,IP:127.0.0.1");
  sign("other", "DNS:other.example");
}

std::string Nginx::configuration() const {
  const auto listen = [](const HeldPort& port) {
    return "127.0.0.1:" + std::to_string(port.number());
  };
  const std::string locations = R"(
    root .;
    location = /moved { return 301 /small.txt; }
    location = /to-tls { return 302 )" +
                                secure() + R"(/small.txt; }
    location ~ ^/hop/(\d)(\d*)$ { return 302 /hop/$2; }
    location = /hop/ { return 200 "arrived"; }
    location = /loop { return 302 /loop; }
    location = /broken { return 500; }
    location = /none { return 204; }
    location /page/ { return 200 "page $uri\n"; }
    location /limited/ { limit_req zone=few burst=5; limit_req_status 429; try_files /small.txt =404; }
)";
  return std::string(::geteuid() == 0 ? "user root;\n" : "") + R"(
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
  log_format short '$connection $status $request_uri';
  access_log access.log short;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  keepalive_requests 1000000;
  limit_req_zone $server_port zone=few:1m rate=10r/s;
  gzip on;
  gzip_types text/plain;
  default_type text/plain;
  server { listen )" +
         listen(plain_port_) + " backlog=4096;" + locations + R"(  }
  server {
    listen )" +
         listen(secure_port_) + R"( ssl backlog=4096;
    ssl_certificate server.pem;
    ssl_certificate_key server.key;
)" + locations +
         R"(  }
  server {
    listen )" +
         listen(misnamed_port_) + R"( ssl;
    ssl_certificate other.pem;
    ssl_certificate_key other.key;
)" + locations +
         R"(  }
}
)";
}

void Nginx::start() {
  std::filesystem::remove(directory_.file("nginx.pid"));  // left by one that was killed
  const std::string out = directory_.file("nginx.out");
  const int fd = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  auto child =
      std::make_unique<Child>(std::vector<std::string>{program, "-p", directory_.path().string(),
                                                       "-c", "nginx.conf", "-e", "error.log"},
                              Child::Streams{-1, -1, fd});
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  // It is written when nginx listens. That somebody listens would not tell that it is nginx.
  while (read_file(directory_.file("nginx.pid")).empty()) {
    if (std::chrono::steady_clock::now() > patience)
      throw std::runtime_error("nginx does not start: " + read_file(out) +
                               read_file(directory_.file("error.log")));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  child_ = std::move(child);
}

}  // namespace fetch::test
