// Debian's nginx on loopback, as whoever runs the tests, plain and with TLS.
#pragma once

#include <memory>
#include <string>

#include "child.hpp"

namespace fetch::test {

bool have_nginx();

class Nginx {
 public:
  // Makes a certificate authority and certificates, then starts. Throws std::runtime_error.
  Nginx();

  // http://127.0.0.1:PORT
  std::string plain() const { return "http://127.0.0.1:" + std::to_string(plain_port_); }
  // https://localhost:PORT, with a certificate for localhost and 127.0.0.1
  std::string secure() const { return "https://localhost:" + std::to_string(secure_port_); }
  std::string secure_by_address() const {
    return "https://127.0.0.1:" + std::to_string(secure_port_);
  }
  // The same with a certificate for another host
  std::string misnamed() const { return "https://localhost:" + std::to_string(misnamed_port_); }

  std::string authority() const { return directory_.file("ca.pem"); }  // for --cacert
  const TempDir& directory() const { return directory_; }
  // Lines of the access log so far: "CONNECTION STATUS REQUEST".
  std::string access_log() const { return read_file(directory_.file("access.log")); }

 private:
  void make_certificates();
  std::string configuration() const;
  void start();

  TempDir directory_;
  unsigned short plain_port_ = 0, secure_port_ = 0, misnamed_port_ = 0;
  std::unique_ptr<Child> child_;
};

}  // namespace fetch::test
