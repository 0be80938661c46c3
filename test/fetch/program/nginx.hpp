// Debian's nginx on loopback, as whoever runs the tests, plain and with TLS.
#pragma once

#include <signal.h>

#include <memory>
#include <string>

#include "child.hpp"
#include "held_port.hpp"

namespace fetch::test {

bool have_nginx();

class Nginx {
 public:
  // Makes a certificate authority and certificates, then starts. Throws std::runtime_error.
  Nginx();

  // http://127.0.0.1:PORT
  std::string plain() const { return "http://127.0.0.1:" + std::to_string(plain_port_.number()); }
  // https://localhost:PORT, with a certificate for localhost and 127.0.0.1
  std::string secure() const {
    return "https://localhost:" + std::to_string(secure_port_.number());
  }
  std::string secure_by_address() const {
    return "https://127.0.0.1:" + std::to_string(secure_port_.number());
  }
  // The same with a certificate for another host
  std::string misnamed() const {
    return "https://localhost:" + std::to_string(misnamed_port_.number());
  }

  void kill() { child_.reset(); }            // connections break, new ones are refused
  void start();                              // again, on the same ports
  void pause() { child_->signal(SIGSTOP); }  // connections are accepted, nothing is answered
  void resume() { child_->signal(SIGCONT); }

  std::string authority() const { return directory_.file("ca.pem"); }  // for --cacert
  const TempDir& directory() const { return directory_; }
  // Lines of the access log so far: "CONNECTION STATUS REQUEST".
  std::string access_log() const { return read_file(directory_.file("access.log")); }

 private:
  void make_certificates();
  std::string configuration() const;

  TempDir directory_;
  HeldPort plain_port_, secure_port_, misnamed_port_;
  std::unique_ptr<Child> child_;
};

}  // namespace fetch::test
