// A client that sends what it is told and reads until it has what it waits for.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <string>

namespace example::test {

class TcpClient {
 public:
  // Throws boost::system::system_error if nobody listens.
  explicit TcpClient(unsigned short port, int receive_buffer = 0) : socket_(context_) {
    socket_.open(boost::asio::ip::tcp::v4());
    if (receive_buffer > 0)
      socket_.set_option(boost::asio::socket_base::receive_buffer_size(receive_buffer));
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
  }

  void send(const std::string& text) { boost::asio::write(socket_, boost::asio::buffer(text)); }
  // As much of `text`, again and again, as fits without waiting.
  void send_all_that_fits(const std::string& text) {
    socket_.non_blocking(true);
    boost::system::error_code full;
    while (!full) socket_.write_some(boost::asio::buffer(text), full);
  }
  void finish_sending() { socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send); }

  std::string line() {  // with its end
    const auto size = boost::asio::read_until(socket_, boost::asio::dynamic_buffer(data_), '\n');
    const std::string line = data_.substr(0, size);
    data_.erase(0, size);
    return line;
  }
  std::string rest() {  // until the other side closes
    boost::system::error_code end;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(data_), end);
    return std::move(data_);
  }

 private:
  boost::asio::io_context context_{1};
  boost::asio::ip::tcp::socket socket_;
  std::string data_;
};

}  // namespace example::test
