// Connecting, closing, and every sentence about what is wrong.
#include "nats_server.hpp"

#include "event.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

std::string message_of(const std::exception_ptr& error, boost::system::error_code* code = nullptr) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    if (code) *code = e.code();
    return e.what();
  } catch (const std::exception& e) {
    return e.what();
  }
}

CORO_TEST(NatsConnection, is_made_and_closed_and_leaves_nothing_behind) {
  REQUIRE_NATS_SERVER();
  NatsServer server;
  const std::string url = server.url();
  auto connection = co_await nats::connect({.servers = url});
  co_await until([&] { return connection.connected(); });
  EXPECT_EQ(connection.reconnects(), 0u);
  co_await connection.close();
  EXPECT_FALSE(connection.connected());
  co_await connection.close();
}

CORO_TEST(NatsConnection, may_be_dropped) {
  REQUIRE_NATS_SERVER();
  NatsServer server;
  const std::string url = server.url();
  { auto connection = co_await nats::connect({.servers = url}); }
}

CORO_TEST(NatsConnection, of_several_threads_is_the_same) {
  REQUIRE_NATS_SERVER();
  NatsServer server;
  asio::io_context context;
  std::atomic<int> done = 0;
  for (int i = 0; i < 8; ++i)
    asio::co_spawn(context, [&]() -> awaitable<void> {
      const std::string url = server.url();
      auto connection = co_await nats::connect({.servers = url});
      co_await connection.close();
      ++done;
    }, asio::detached);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(done, 8);
  co_return;
}

CORO_TEST(NatsConnection, an_unreachable_server_is_named) {
  const fetch::test::HeldPort nobody;
  const std::string url = "nats://me:secret@127.0.0.1:" + std::to_string(nobody.number());
  const auto outcome = co_await as_outcome(nats::connect({.servers = url}));
  REQUIRE(!outcome);
  boost::system::error_code code;
  EXPECT_EQ(message_of(outcome.error(), &code),
            "cannot connect to nats://127.0.0.1:" + std::to_string(nobody.number()) + ": No server available for connection");
  EXPECT_EQ(code, nats::errc::unreachable);
  EXPECT_EQ(code, boost::system::errc::host_unreachable);
}

CORO_TEST(NatsConnection, a_wrong_password_is_no_unreachable_server) {
  REQUIRE_NATS_SERVER();
  NatsServer server("authorization { user: me, password: right }\n");
  const std::string wrong = server.url("me:wrong"), right = server.url("me:right");
  const auto outcome = co_await as_outcome(nats::connect({.servers = wrong}));
  REQUIRE(!outcome);
  boost::system::error_code code;
  EXPECT_EQ(message_of(outcome.error(), &code), "cannot connect to " + server.url() + ": Authorization Violation");
  EXPECT_EQ(code, nats::errc::unauthorized);
  EXPECT_EQ(code, boost::system::errc::permission_denied);
  auto connection = co_await nats::connect({.servers = right});
  EXPECT_EQ(connection.servers(), server.url());
  co_await connection.close();
}

CORO_TEST(NatsConnection, options_that_make_no_sense_are_named) {
  const auto refused = [](nats::NatsOptions options) {
    try {
      (void)nats::connect(options);
    } catch (const boost::system::system_error& error) {
      EXPECT_EQ(error.code(), errc::invalid_argument);
      return std::string(error.what());
    }
    return std::string("not refused");
  };
  EXPECT_EQ(refused({.servers = ""}), "nats: no server was given: invalid argument [coroexec:5]");
  EXPECT_EQ(refused({.credentials = "/no/such"}), "nats: there is no file of credentials at /no/such: invalid argument [coroexec:5]");
  EXPECT_EQ(refused({.certificate = "/no/such"}), "nats: a client's certificate and its key belong together: invalid argument [coroexec:5]");
  EXPECT_EQ(refused({.ping_interval = 0s}), "nats: times must be more than 0: invalid argument [coroexec:5]");
  co_return;
}

CORO_TEST(NatsConnection, is_made_again_when_the_server_has_come_back) {
  REQUIRE_NATS_SERVER();
  NatsServer server;
  const std::string url = server.url();
  auto connection = co_await nats::connect({.servers = url, .reconnect_wait = 20ms});
  co_await fill(connection, "jobs", 3);
  server.stop();
  co_await until([&] { return !connection.connected(); });
  server.start();
  const auto info = co_await nats::stream_info(connection, "jobs");  // waits for the connection
  EXPECT_EQ(info.messages, 3u);
  EXPECT_EQ(connection.reconnects(), 1u);
  co_await connection.close();
}

CORO_TEST(NatsConnection, a_cancelled_wait_for_it_does_not_wait) {
  const fetch::test::HeldPort port;
  asio::io_context context;
  asio::ip::tcp::acceptor mute(context, {asio::ip::address_v4::loopback(), 0});
  const std::string url = "nats://127.0.0.1:" + std::to_string(mute.local_endpoint().port());
  Timeout limit(100ms);
  const auto began = std::chrono::steady_clock::now();
  const auto outcome = co_await as_outcome(with_timeout(limit, nats::connect({.servers = url, .connect_timeout = 5s})));
  EXPECT_FALSE(outcome);
  EXPECT_TRUE(limit.expired());
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
}

// The client gives up when a server refuses, twice, what it had accepted: whoever waits is told.
CORO_TEST(NatsConnection, ends_when_the_server_no_longer_takes_its_user) {
  REQUIRE_NATS_SERVER();
  NatsServer server("authorization { user: me, password: old }\n");
  const std::string url = server.url("me:old");
  auto connection = co_await nats::connect({.servers = url, .reconnect_wait = 10ms});
  co_await fill(connection, "jobs", 0);
  auto source = co_await nats::open_source(connection, {.stream = "jobs", .durable = "workers"});
  server.stop();
  server.write_configuration("authorization { user: me, password: new }\n");
  server.start();
  const auto next = co_await as_outcome(source.next());
  REQUIRE(!next);
  boost::system::error_code code;
  EXPECT_EQ(message_of(next.error(), &code), "the connection to " + server.url() + " has been closed");
  EXPECT_EQ(code, nats::errc::closed);
  const auto info = co_await as_outcome(nats::stream_info(connection, "jobs"));
  REQUIRE(!info);
  message_of(info.error(), &code);
  EXPECT_EQ(code, nats::errc::closed);
  co_await connection.close();
}

CORO_TEST(NatsConnection, tells_who_waits_when_it_is_dropped) {
  REQUIRE_NATS_SERVER();
  NatsServer server;
  const std::string url = server.url();
  auto connection = std::make_unique<nats::Connection>(co_await nats::connect({.servers = url}));
  co_await fill(*connection, "jobs", 0);
  auto source = co_await nats::open_source(*connection, {.stream = "jobs", .durable = "workers"});
  const auto read = [&]() -> awaitable<void> {
    const auto next = co_await as_outcome(source.next());
    boost::system::error_code code;
    if (!next) message_of(next.error(), &code);
    EXPECT_EQ(code, nats::errc::closed);
  };
  const auto drop = [&]() -> awaitable<void> {
    co_await sleep_for(20ms);  // it waits; if not, it finds the connection closed
    connection.reset();
  };
  co_await gather(read(), drop());
}

// What the link's own thread still does then refers to nothing of it: for the address sanitizer.
CORO_TEST(NatsPublish, may_be_cancelled_while_the_server_is_away) {
  REQUIRE_NATS_SERVER();
  NatsServer server;
  const std::string url = server.url();
  auto connection = co_await nats::connect({.servers = url});
  co_await fill(connection, "jobs", 0);
  server.pause();
  for (int i = 0; i < 5; ++i) {
    std::vector<nats::Outgoing> messages{{"jobs", "x"}};
    Timeout limit(i * 1ms);
    const auto outcome = co_await as_outcome(with_timeout(limit, nats::publish(connection, std::move(messages))));
    EXPECT_FALSE(outcome);
  }
  server.resume();
  co_await connection.close();
}

// It takes its connections with it, whatever is under way: for the sanitizers.
TEST(NatsContext, may_be_destroyed_at_any_time) {
  if (!have_nats_server()) GTEST_SKIP() << "nats-server is not installed (tools/install-deps.sh)";
  NatsServer server;
  const std::string url = server.url();
  for (int i = 0; i < 10; ++i) {
    asio::io_context context;
    const auto work = [&]() -> awaitable<void> {
      auto connection = co_await nats::connect({.servers = url});
      co_await fill(connection, "jobs", 100);
      auto source = co_await nats::open_source(connection, {.stream = "jobs", .durable = "workers", .prefetch = 10});
      for (;;) {
        const auto message = co_await source.next();
        message->nak();
      }
    };
    asio::co_spawn(context, work(), asio::detached);
    context.run_for(std::chrono::milliseconds(5 * i));
  }
}

CORO_TEST(NatsStream, is_made_once_and_looked_at) {
  REQUIRE_NATS_SERVER();
  NatsServer server;
  const std::string url = server.url();
  auto connection = co_await nats::connect({.servers = url});
  auto info = co_await nats::make_work_queue(connection, {.name = "jobs", .subjects = "jobs.a,jobs.b"});
  EXPECT_EQ(info.subjects, (std::vector<std::string>{"jobs.a", "jobs.b"}));
  info = co_await nats::make_work_queue(connection, {.name = "jobs", .subjects = "other"});
  EXPECT_EQ(info.subjects.size(), 2u) << "it is taken as it is";
  EXPECT_EQ(info.retention, "workqueue");
  EXPECT_EQ(info.replicas, 1u);
  const auto missing = co_await as_outcome(nats::stream_info(connection, "nothing"));
  REQUIRE(!missing);
  boost::system::error_code code;
  EXPECT_EQ(message_of(missing.error(), &code), "there is no stream nothing at " + url);
  EXPECT_EQ(code, nats::errc::no_stream);
  const auto too_many = co_await as_outcome(nats::make_work_queue(connection, {.name = "three", .replicas = 3}));
  REQUIRE(!too_many);
  EXPECT_EQ(message_of(too_many.error()), "cannot make stream three at " + url + ": replicas > 1 not supported in non-clustered mode");
  co_await connection.close();
}

CORO_TEST(NatsStream, a_server_without_jetstream_is_named) {
  REQUIRE_NATS_SERVER();
  NatsServer server("jetstream: disabled\n");
  const std::string url = server.url();
  auto connection = co_await nats::connect({.servers = url});
  const auto outcome = co_await as_outcome(nats::stream_info(connection, "jobs"));
  REQUIRE(!outcome);
  EXPECT_EQ(message_of(outcome.error()), "there is no JetStream at " + url);
  co_await connection.close();
}

CORO_TEST(NatsPublish, queues_each_id_once) {
  REQUIRE_NATS_SERVER();
  NatsServer server;
  const std::string url = server.url();
  auto connection = co_await nats::connect({.servers = url});
  co_await fill(connection, "jobs", 100);
  std::vector<nats::Outgoing> again;
  for (int i = 0; i < 150; ++i) again.push_back({"jobs", "x", std::to_string(i)});
  const auto stats = co_await nats::publish(connection, std::move(again), {.max_pending = 7});
  EXPECT_EQ(stats.published, 150u);
  EXPECT_EQ(stats.duplicates, 100u);
  EXPECT_EQ((co_await nats::stream_info(connection, "jobs")).messages, 150u);
  co_await connection.close();
}

CORO_TEST(NatsPublish, takes_one_message_too) {
  REQUIRE_NATS_SERVER();
  NatsServer server;
  const std::string url = server.url();
  auto connection = co_await nats::connect({.servers = url});
  co_await nats::make_work_queue(connection, {.name = "jobs"});
  nats::Outgoing named{"jobs", "x", "id"}, nameless{"jobs", "x"}, nowhere{"nowhere", "x"};
  EXPECT_EQ((co_await nats::publish(connection, named)).duplicates, 0u);
  EXPECT_EQ((co_await nats::publish(connection, named)).duplicates, 1u);
  EXPECT_EQ((co_await nats::publish(connection, nameless)).duplicates, 0u);
  EXPECT_EQ((co_await nats::publish(connection, nameless)).duplicates, 0u);
  EXPECT_EQ((co_await nats::stream_info(connection, "jobs")).messages, 3u);
  const auto outcome = co_await as_outcome(nats::publish(connection, nowhere, {.timeout = 1ms}));
  REQUIRE(!outcome);
  EXPECT_EQ(message_of(outcome.error()), "no stream at " + url + " takes nowhere");
  co_await connection.close();
}

CORO_TEST(NatsPublish, says_why_a_message_is_refused) {
  REQUIRE_NATS_SERVER();
  NatsServer server("max_payload: 1000\n");
  const std::string url = server.url();
  auto connection = co_await nats::connect({.servers = url});
  co_await nats::make_work_queue(connection, {.name = "jobs"});
  const auto refused = [&](nats::Outgoing message, nats::PublishOptions options) -> awaitable<std::string> {
    std::vector<nats::Outgoing> messages{std::move(message)};
    const auto outcome = co_await as_outcome(nats::publish(connection, std::move(messages), options));
    co_return outcome ? "not refused" : message_of(outcome.error());
  };
  nats::Outgoing large{"jobs", std::string(2000, 'x'), "id"}, just{"jobs", std::string(980, 'x'), "id"}, astray{"jobs", "x"}, nowhere{"nowhere", "x"};
  EXPECT_EQ(co_await refused(large, {}),
            "a message of 2000 bytes for jobs, with 29 of headers, is larger than the server's limit of 1000");
  EXPECT_EQ(co_await refused(just, {}),
            "a message of 980 bytes for jobs, with 29 of headers, is larger than the server's limit of 1000");
  EXPECT_EQ(co_await refused(astray, {.stream = "others"}), "JetStream at " + url + " refuses a message for jobs: expected stream does not match");
  EXPECT_EQ(co_await refused(nowhere, {}), "no stream at " + url + " takes nowhere");
  co_await connection.close();
}

}  // namespace
}  // namespace coroexec::test
