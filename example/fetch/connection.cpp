// Connecting, TLS with certificate and host name verification, reading and writing.
#include "connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "fetch_error.hpp"

namespace fetch {
namespace {

using boost::system::error_code;

constexpr std::size_t max_buffer = 128 * 1024;  // more than the largest header we take
constexpr std::size_t read_size = 16 * 1024;
// A coroutine that awaits this needs no frame for the operation, as it would with use_awaitable.
constexpr auto no_frame = asio::as_tuple(asio::deferred);
constexpr const char* not_sent = "the request could not be sent";

void rethrow_if_cancelled(const error_code& error) {
  if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
}

[[noreturn]] void disconnected(const char* what, const error_code& error) {
  rethrow_if_cancelled(error);
  throw FetchError(ErrorKind::disconnected, std::string(what) + ": " + error.message(), Retry::yes);
}

bool is_address(const std::string& host) {
  error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

asio::ssl::context make_tls_context(const Options& options) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (options.insecure) {
    context.set_verify_mode(asio::ssl::verify_none);
    return context;
  }
  context.set_verify_mode(asio::ssl::verify_peer);
  if (!options.cacert.empty()) {
    error_code error;
    context.load_verify_file(options.cacert, error);
    if (error)
      throw std::runtime_error("cannot read certificates from " + options.cacert + ": " +
                               error.message());
  }
  return context;
}

Connection::Connection(asio::any_io_executor executor, std::size_t& count)
    : count_(count), tcp_(std::move(executor)), buffer_(max_buffer) {
  ++count_;
}

Connection::~Connection() { --count_; }

asio::awaitable<void> Connection::open(const Url& url,
                                       const std::vector<asio::ip::address>& addresses,
                                       Clock::time_point deadline, asio::ssl::context& tls) {
  co_await connect(addresses, url, deadline);
  if (url.secure()) co_await handshake(url, deadline, tls);
  tcp_.expires_never();  // from here on the job's own deadline rules
}

asio::awaitable<void> Connection::connect(const std::vector<asio::ip::address>& addresses,
                                          const Url& url, Clock::time_point deadline) {
  error_code error;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto now = Clock::now();
    tcp_.expires_at(now + (deadline - now) / static_cast<int>(addresses.size() - i));
    const asio::ip::tcp::endpoint endpoint(addresses[i], url.port);
    co_await tcp_.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      error_code ignored;
      tcp_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
      tcp_.socket().non_blocking(true, ignored);  // for try_write()
      co_return;
    }
    rethrow_if_cancelled(error);
    tcp_.close();
  }
  const std::string target = url.host + " port " + std::to_string(url.port);
  if (error == boost::beast::error::timeout)
    throw FetchError(ErrorKind::timeout, "no connection to " + target + " within --connect-timeout",
                     Retry::yes);
  throw FetchError(ErrorKind::connect, "cannot connect to " + target + ": " + error.message(),
                   Retry::yes);
}

asio::awaitable<void> Connection::handshake(const Url& url, Clock::time_point deadline,
                                            asio::ssl::context& tls) {
  tls_.emplace(tcp_, tls);
  SSL* ssl = tls_->native_handle();
  // OpenSSL's own check of the name, because it says why it refuses; Asio's host_name_verification
  // does not.
  X509_VERIFY_PARAM* checks = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address(url.host)) {
    X509_VERIFY_PARAM_set1_ip_asc(checks, url.host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(checks, url.host.c_str(), 0);
    SSL_set_tlsext_host_name(ssl, url.host.c_str());
  }

  error_code error;
  tcp_.expires_at(deadline);
  co_await tls_->async_handshake(asio::ssl::stream_base::client,
                                 asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_return;
  rethrow_if_cancelled(error);
  if (error == boost::beast::error::timeout)
    throw FetchError(ErrorKind::timeout,
                     "no TLS handshake with " + url.authority() + " within --connect-timeout",
                     Retry::yes);
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK)
    throw FetchError(ErrorKind::tls,
                     "the certificate of " + url.authority() +
                         " is not accepted: " + X509_verify_cert_error_string(verdict));
  // A connection that breaks may be a passing fault, a handshake that is refused is not.
  const bool broken = error == asio::ssl::error::stream_truncated || error == asio::error::eof ||
                      error == asio::error::connection_reset || error == asio::error::broken_pipe;
  throw FetchError(ErrorKind::tls,
                   "the TLS handshake with " + url.authority() + " failed: " + error.message(),
                   broken ? Retry::yes : Retry::no);
}

std::size_t Connection::try_write(std::string_view data) {
  if (tls_) return 0;
  error_code error;
  const std::size_t size = tcp_.socket().write_some(asio::buffer(data), error);
  if (error && error != asio::error::would_block) disconnected(not_sent, error);
  return size;
}

asio::awaitable<void> Connection::write(std::string_view data) {
  const auto [error, size] = tls_ ? co_await asio::async_write(*tls_, asio::buffer(data), no_frame)
                                  : co_await asio::async_write(tcp_.socket(), asio::buffer(data), no_frame);
  if (error) disconnected(not_sent, error);
}

asio::awaitable<bool> Connection::read_more() {
  const std::size_t room = buffer_.max_size() - buffer_.size();
  if (room == 0) throw FetchError(ErrorKind::protocol, "a line of the response has no end");
  const auto space = buffer_.prepare(std::min(room, read_size));
  const auto [error, size] = tls_ ? co_await tls_->async_read_some(space, no_frame)
                                  : co_await tcp_.socket().async_read_some(space, no_frame);
  buffer_.commit(size);
  received_ += size;
  if (error == asio::error::eof) co_return false;
  if (error == asio::ssl::error::stream_truncated)
    throw FetchError(ErrorKind::disconnected, "the connection was closed without TLS's end mark",
                     Retry::yes);
  if (error) disconnected("the connection broke while the response was read", error);
  co_return true;
}

bool Connection::quiet() {
  char byte = 0;
  const auto got = ::recv(tcp_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace fetch
