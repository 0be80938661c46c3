// The link's side towards the C client: its options, its callbacks, and sending.
#include <boost/asio/post.hpp>
#include <filesystem>
#include <utility>

#include "coroexec/error.hpp"
#include "link.hpp"
#include "replies.hpp"

namespace coroexec::nats::detail {
namespace {

std::int64_t milliseconds(std::chrono::nanoseconds time) {
  return std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(time).count());
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (comma != 0) parts.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return parts;
}

// Without "user:password@".
std::string without_secret(const std::string& url) {
  const auto scheme = url.find("://");
  const auto begin = scheme == url.npos ? 0 : scheme + 3;
  const auto at = url.rfind('@');
  if (at == url.npos || at < begin) return url;
  return url.substr(0, begin) + url.substr(at + 1);
}

void require(bool condition, const std::string& text) {
  if (!condition) coroexec::detail::throw_error(coroexec::errc::invalid_argument, std::string("nats: ").append(text));
}

void require_file(const std::string& name, const char* what) {
  std::error_code ignored;
  require(name.empty() || std::filesystem::is_regular_file(name, ignored),
          std::string("there is no file of ") + what + " at " + name);
}

void check(natsStatus status, const std::string& what) {
  if (status != NATS_OK) require(false, what + ": " + last_error(status));
}

}  // namespace

Link::Settings::Settings(const NatsOptions& options)
    : servers(split(options.servers)),
      credentials(options.credentials),
      ca(options.ca),
      certificate(options.certificate),
      key(options.key),
      name(options.name),
      tls(options.tls),
      insecure(options.insecure),
      connect_timeout(options.connect_timeout),
      reconnect_wait(options.reconnect_wait),
      ping_interval(options.ping_interval),
      request_timeout(options.request_timeout) {
  require(!servers.empty(), "no server was given");
  require(certificate.empty() == key.empty(), "a client's certificate and its key belong together");
  require(connect_timeout.count() > 0 && reconnect_wait.count() >= 0 && ping_interval.count() > 0 &&
              request_timeout.count() > 0,
          "times must be more than 0");
  for (const auto& server : servers) {
    if (!shown.empty()) shown += ',';
    shown += without_secret(server);
  }
  require_file(credentials, "credentials");
  require_file(ca, "authorities");
  require_file(certificate, "a certificate");
  require_file(key, "a key");
}

struct Link::Callbacks {
  static Link& link(void* data) { return *static_cast<Link*>(data); }
  static natsStatus attach(void** data, void* loop, natsConnection* connection, natsSock socket) {
    *data = loop;
    try {
      link(loop).attached(connection, socket);
      return NATS_OK;
    } catch (...) {
      return NATS_SYS_ERROR;
    }
  }
  static natsStatus read(void* data, bool add) {
    if (!add) quietly([&] { link(data).detached(); });
    return NATS_OK;
  }
  static natsStatus write(void* data, bool add) {
    auto& self = link(data);
    const std::lock_guard lock(self.mutex_);
    if (self.watch_) quietly([&] { self.watch_->want_to_write(add); });
    return NATS_OK;
  }
  static natsStatus detach(void* data) {
    quietly([&] { link(data).detached(); });
#ifdef COROEXEC_NATS_HAS_DETACHED_EVENT
    natsConnection_ProcessDetachedEvent(link(data).connection_);
#endif
    link(data).told_detached();
    return NATS_OK;
  }
  static void closed(natsConnection*, void* data) { link(data).told_closed(); }
  // The client would write it to standard error. What matters is noticed where it is missed.
  static void error(natsConnection*, natsSubscription*, natsStatus, void*) {}
};

void Link::open() {
  natsOptions* raw = nullptr;
  check(natsOptions_Create(&raw), "options");
  const OptionsPtr options(raw);
  std::vector<const char*> servers;
  for (const auto& server : settings_->servers) servers.push_back(server.c_str());
  const auto& s = *settings_;
  check(natsOptions_SetServers(raw, servers.data(), static_cast<int>(servers.size())), "servers " + s.shown);
  check(natsOptions_SetName(raw, s.name.c_str()), "name");
  check(natsOptions_SetTimeout(raw, milliseconds(s.connect_timeout)), "connect_timeout");
  check(natsOptions_SetReconnectWait(raw, milliseconds(s.reconnect_wait)), "reconnect_wait");
  check(natsOptions_SetMaxReconnect(raw, -1), "reconnecting");
  check(natsOptions_SetPingInterval(raw, milliseconds(s.ping_interval)), "ping_interval");
  check(natsOptions_SetMaxPingsOut(raw, 2), "pings");
  check(natsOptions_SetSendAsap(raw, true), "sending");
  check(natsOptions_UseGlobalMessageDelivery(raw, false), "delivery");
  if (!s.credentials.empty())
    check(natsOptions_SetUserCredentialsFromFiles(raw, s.credentials.c_str(), nullptr), "credentials");
  if (s.tls || s.insecure || !s.ca.empty() || !s.certificate.empty()) {
    check(natsOptions_SetSecure(raw, true), "TLS");
    if (!s.ca.empty()) check(natsOptions_LoadCATrustedCertificates(raw, s.ca.c_str()), "authorities " + s.ca);
    if (!s.certificate.empty())
      check(natsOptions_LoadCertificatesChain(raw, s.certificate.c_str(), s.key.c_str()), "certificate " + s.certificate);
    if (s.insecure) check(natsOptions_SkipServerVerification(raw, true), "TLS");
  }
  check(natsOptions_SetErrorHandler(raw, &Callbacks::error, this), "callbacks");
  check(natsOptions_SetClosedCB(raw, &Callbacks::closed, this), "callbacks");
  check(natsOptions_SetEventLoop(raw, this, &Callbacks::attach, &Callbacks::read, &Callbacks::write,
                                 &Callbacks::detach),
        "event loop");

  wait_for_orphans_at_exit();
  natsConnection* connection = nullptr;
  const auto status = natsConnection_Connect(&connection, raw);
  if (status != NATS_OK) {
    const std::string reason = last_error(status);
    {
      const std::lock_guard lock(mutex_);
      connection_ = nullptr;
    }
    const bool refused = status == NATS_CONNECTION_AUTH_FAILED || reason.find("uthorization") != reason.npos;
    throw_error(refused ? errc::unauthorized : errc::unreachable, "cannot connect to " + s.shown + ": " + reason);
  }
  max_payload_ = natsConnection_GetMaxPayload(connection);
  natsInbox* inbox = nullptr;
  check(natsInbox_Create(&inbox), "inbox");
  inbox_prefix_ = inbox;
  natsInbox_Destroy(inbox);
  const auto replies = make_inbox(*replies_);
  open_inbox(replies);
  replies_->open(replies);
}

void Link::attached(natsConnection* connection, natsSock socket) {
  const std::lock_guard lock(mutex_);
  if (!strand_) throw_error(errc::closed, "abandoned");
  if (watch_) watch_->stop();
  attached_ = true;
  connection_ = connection;
  watch_ = std::make_shared<SocketWatch>(shared_from_this(), *strand_, connection, socket);
  watch_->start();
  ++attachments_;
  asio::post(*strand_, [self = shared_from_this()] { self->flush(); });
}

// The watch goes under the lock, with which abandon() takes the context away.
void Link::detached() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::up) state_ = State::down;
  if (!watch_) return;
  const auto watch = std::move(watch_);
  watch->stop();
}

// We have closed it; or the client has by itself: it does so if a server refuses the credentials that had been good
// before, twice. Then we are closed, too.
void Link::told_closed() {
  const std::lock_guard lock(mutex_);
  told_closed_ = close_requested_ = true;
  changed_.notify_all();
}

void Link::told_detached() {
  const std::lock_guard lock(mutex_);
  attached_ = false;
  changed_.notify_all();
}

// On the strand, after each attachment.
void Link::flush() {
  std::vector<std::weak_ptr<Inbox>> inboxes;
  for (;;) {
    std::deque<Packet> packets;
    {
      const std::lock_guard lock(mutex_);
      if (!watch_ || state_ == State::closed) return;
      if (waiting_.empty()) {
        state_ = State::up;
        if (attachments_ > 1) inboxes = inboxes_;
        break;
      }
      packets.swap(waiting_);
      waiting_bytes_ = 0;
    }
    for (const auto& packet : packets) transmit(packet);
  }
  for (const auto& weak : inboxes)
    if (const auto inbox = weak.lock()) inbox->tell([](Receiver& receiver) { receiver.relinked(); });
}

void Link::send(Packet packet) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::up) {
      if (state_ == State::closed) return;
      waiting_bytes_ += packet.data.size();
      waiting_.push_back(std::move(packet));
      return;
    }
  }
  transmit(packet);
}

// What cannot be sent is missed, and sent again, by whoever waits for an answer to it.
natsStatus Link::transmit(const Packet& packet) {
  const auto size = static_cast<int>(packet.data.size());
  const char* const reply = packet.reply.empty() ? nullptr : packet.reply.c_str();
  if (packet.headers.empty()) {
    if (!reply) return natsConnection_Publish(connection_, packet.subject.c_str(), packet.data.data(), size);
    return natsConnection_PublishRequest(connection_, packet.subject.c_str(), reply, packet.data.data(), size);
  }
  natsMsg* raw = nullptr;
  auto status = natsMsg_Create(&raw, packet.subject.c_str(), reply, packet.data.data(), size);
  const MessagePtr message(raw);
  for (const auto& [name, value] : packet.headers)
    if (status == NATS_OK) status = natsMsgHeader_Set(raw, name.c_str(), value.c_str());
  return status == NATS_OK ? natsConnection_PublishMsg(connection_, raw) : status;
}

std::size_t Link::buffered() const {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::up) return waiting_bytes_;
  }
  const int bytes = natsConnection_Buffered(connection_);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

}  // namespace coroexec::nats::detail
