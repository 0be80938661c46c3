// Taking a port.
#include "held_port.hpp"

namespace fetch::test {

namespace asio = boost::asio;
using asio::ip::tcp;

HeldPort::HeldPort() {
  socket_.open(tcp::v4());
  socket_.set_option(tcp::socket::reuse_address(true));
  socket_.bind({asio::ip::address_v4::loopback(), 0});
}

}  // namespace fetch::test
