// Opening a work queue's consumer, and the public face of the source.
#include "coroexec/nats/source.hpp"

#include <boost/json/serialize.hpp>
#include <ostream>
#include <utility>

#include "api.hpp"
#include "coroexec/error.hpp"
#include "source_state.hpp"
#include "streams.hpp"

namespace coroexec::nats {
namespace {

namespace json = boost::json;
using namespace detail;

// Not in the coroutine: GCC 12 has no initializer lists there.
std::string wanted_consumer(const SourceState::Config& config) {
  return json::serialize(json::object{{"stream_name", config.stream},
                                      {"config",
                                       {{"durable_name", config.durable},
                                        {"ack_policy", "explicit"},
                                        {"ack_wait", config.lease.count()},
                                        {"max_deliver", -1},
                                        {"max_ack_pending", -1}}}});
}

// What others may have set: limits under which messages would be lost, or requests be refused for ever. 0, and what is
// less, is none.
void check_limits(const std::string& what, const json::object& found, SourceState::Config& config) {
  if (const auto most = number_at(found, "max_deliver"); most > 0)
    throw_error(errc::wrong_consumer, what + " has a max_deliver of " + std::to_string(most) +
                                          ", after which the server gives a message to nobody any more, and must have none");
  if (const auto most = number_at(found, "max_expires"); most > 0 && config.pull_expires.count() > most) {
    const auto milliseconds = [](std::int64_t nanoseconds) { return std::to_string(nanoseconds / 1'000'000) + " ms"; };
    throw_error(errc::wrong_consumer, what + " has a max_expires of " + milliseconds(most) + ", and pull_expires is " +
                                          milliseconds(config.pull_expires.count()));
  }
  config.max_batch = static_cast<std::size_t>(std::max<std::int64_t>(0, number_at(found, "max_batch")));
  check_batch(config, 1);
}

// The consumer as it is, made if need be; gives its lease, and what it allows in a request.
asio::awaitable<std::chrono::nanoseconds> find_consumer(std::shared_ptr<Link> link, SourceState::Config& config) {
  const std::string place = config.stream + '.' + config.durable;
  auto answer = co_await ask(link, "CONSUMER.INFO." + place, "");
  if (answer.failed() && answer.error.code == consumer_not_found)
    answer = co_await ask(link, "CONSUMER.DURABLE.CREATE." + place, wanted_consumer(config));
  const std::string what = "consumer " + config.durable + " of stream " + config.stream;
  if (answer.failed()) throw_error(errc::refused, "cannot make " + what + ": " + answer.error.text);
  const auto& found = object_at(answer.object, "config");
  if (!text_at(found, "deliver_subject").empty())
    throw_error(errc::wrong_consumer, what + " is pushed to a subject, and has to be one that is pulled from");
  if (text_at(found, "ack_policy") != "explicit")
    throw_error(errc::wrong_consumer, what + " has the acknowledgement policy " + text_at(found, "ack_policy") +
                                          ", and has to have explicit");
  check_limits(what, found, config);
  co_return std::chrono::nanoseconds(number_at(found, "ack_wait"));
}

asio::awaitable<JetStreamSource> open(std::shared_ptr<Link> link, SourceState::Config config) {
  check_work_queue(co_await find_stream(link, config.stream));
  config.lease = co_await find_consumer(link, config);
  const auto state = std::make_shared<SourceState>(link, std::move(config));
  const std::function<void()> listen = state->listening();
  co_await link->await_off_context(listen);
  state->start();
  co_return Access::make<JetStreamSource>(state);
}

}  // namespace

asio::awaitable<JetStreamSource> open_source(const Connection& connection, SourceOptions options) {
  check_name("stream", options.stream);
  check_name("consumer", options.durable);
  if (options.lease < std::chrono::milliseconds(100) || options.pull_expires < std::chrono::milliseconds(10))
    coroexec::detail::throw_error(coroexec::errc::invalid_argument,
                                  "nats: a lease must be 100 ms at least, and pull_expires 10 ms");
  SourceState::Config config{std::string(options.stream), std::string(options.durable), options.prefetch,
                             options.lease, options.pull_expires, options.until_empty};
  if (options.until_empty)  // it is noticed when a request has been in vain
    config.pull_expires = std::min<std::chrono::nanoseconds>(config.pull_expires, std::chrono::seconds(1));
  return open(Access::link(connection), std::move(config));
}

JetStreamSource::JetStreamSource(std::shared_ptr<detail::SourceState> state) : state_(std::move(state)) {}
JetStreamSource& JetStreamSource::operator=(JetStreamSource&& other) noexcept {
  if (this == &other) return *this;
  if (state_) quietly([this] { state_->stop(); });
  state_ = std::move(other.state_);
  return *this;
}
JetStreamSource::~JetStreamSource() {
  if (state_) quietly([this] { state_->stop(); });
}

asio::awaitable<std::optional<Message>> JetStreamSource::next() { return SourceState::read(state_, false); }
void JetStreamSource::stop() { state_->stop(); }
namespace {
asio::awaitable<void> stop_source(std::shared_ptr<SourceState> state) {
  state->stop();
  co_return;
}
}  // namespace
asio::awaitable<void> JetStreamSource::aclose() { return stop_source(state_); }
std::chrono::nanoseconds JetStreamSource::lease() const { return state_->config().lease; }
SourceStats JetStreamSource::stats() const { return state_->stats(); }

void open_metrics(std::ostream& out, const JetStreamSource& source) {
  const auto& config = Access::state(source)->config();
  const auto stats = source.stats();
  // Names of streams and consumers have nothing in them that would have to be escaped but quotes.
  const auto quoted = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('"', at)) != text.npos; at += 2) text.insert(at, 1, '\\');
    return '"' + text + '"';
  };
  const std::string labels = "stream=" + quoted(config.stream) + ",durable=" + quoted(config.durable);
  out << "# TYPE coroexec_nats_messages counter\n# HELP coroexec_nats_messages What has become of a work queue's messages.\n";
  const std::pair<const char*, std::uint64_t> events[] = {
      {"pulled", stats.pulled},         {"redelivered", stats.redelivered},     {"acknowledged", stats.acknowledged},
      {"failed", stats.failed},         {"dead_lettered", stats.dead_lettered}, {"lease_lost", stats.lease_lost},
      {"handed_back", stats.handed_back}};
  for (const auto& [event, count] : events)
    out << "coroexec_nats_messages_total{" << labels << ",event=\"" << event << "\"} " << count << '\n';
  out << "# TYPE coroexec_nats_messages_held gauge\n# HELP coroexec_nats_messages_held Messages on lease now.\n"
      << "coroexec_nats_messages_held{" << labels << "} " << stats.held << '\n';
}

}  // namespace coroexec::nats
