// A source as the streams of the core read it, and what opening one finds wrong.
#include "event.hpp"
#include "nats_server.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

struct Server {
  NatsServer server;
  std::optional<nats::Connection> connection;
  awaitable<void> open() {
    const std::string url = server.url();
    connection.emplace(co_await nats::connect({.servers = url}));
  }
};

awaitable<std::string> work(nats::Message message) {
  co_await this_task::yield();
  message.ack();
  co_return std::string(message.data());
}

CORO_TEST(NatsSource, is_read_by_map_concurrent_and_itermap) {
  REQUIRE_NATS_SERVER();
  Server server;
  co_await server.open();
  for (const std::string name : {"map", "itermap", "concurrent", "for_each"}) co_await fill(*server.connection, name, 100);
  static_assert(AsyncSource<nats::JetStreamSource>);

  auto source = co_await nats::open_source(*server.connection, {.stream = "map", .until_empty = true});
  std::vector<std::string> read;
  const auto map = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto results = executor.map(work, std::ref(source));
    while (auto result = co_await results.next()) read.push_back(*result);
  };
  co_await with_executor({.max_workers = 10}, map);
  REQUIRE(read.size() == 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(read[static_cast<std::size_t>(i)], std::to_string(i)) << "in their order";

  source = co_await nats::open_source(*server.connection, {.stream = "itermap", .until_empty = true});
  int count = 0;
  const auto itermap = [&](AioPool& pool) -> awaitable<void> {
    auto results = pool.itermap(work, std::ref(source));
    while (auto result = co_await results.next()) count += result->has_value();
  };
  co_await with_pool(10, itermap);
  EXPECT_EQ(count, 100);

  source = co_await nats::open_source(*server.connection, {.stream = "concurrent", .until_empty = true});
  const auto jobs = [&source](Yield<awaitable<std::string>> yield) -> awaitable<void> {
    while (auto message = co_await source.next()) co_await yield(work(*message));
  };
  auto results = concurrent(generate<awaitable<std::string>>(jobs), {.limit = 10});
  while (auto result = co_await results.next()) ++count;
  EXPECT_EQ(count, 200);

  source = co_await nats::open_source(*server.connection, {.stream = "for_each", .until_empty = true});
  const auto each = [&count](nats::Message message) -> awaitable<void> {
    message.ack();
    ++count;
    co_return;
  };
  co_await for_each(std::move(source), each);
  EXPECT_EQ(count, 300);
  for (const std::string name : {"map", "itermap", "concurrent", "for_each"})
    for (std::uint64_t left = 1; left != 0;) {  // acknowledgements are not waited for
      const auto info = co_await nats::stream_info(*server.connection, name);
      left = info.messages;
    }
  co_await server.connection->close();
}

CORO_TEST(NatsSource, asks_for_no_more_than_is_wanted) {
  REQUIRE_NATS_SERVER();
  Server server;
  co_await server.open();
  co_await fill(*server.connection, "jobs", 50);
  auto source = co_await nats::open_source(*server.connection, {.stream = "jobs", .prefetch = 3});
  EXPECT_EQ(source.stats().pulled, 0u) << "nobody has asked yet";
  const auto first = co_await source.next();
  REQUIRE(first);
  co_await until([&] { return source.stats().held == 3; });
  auto other = co_await nats::open_source(*server.connection, {.stream = "jobs", .prefetch = 0});
  for (int i = 0; i < 46; ++i) (co_await other.next())->ack();
  EXPECT_EQ(source.stats().pulled, 4u);
  source.stop();
  EXPECT_FALSE(co_await source.next());
  for (int i = 0; i < 3; ++i) EXPECT_EQ((co_await other.next())->deliveries(), 2u) << "handed back";
  first->ack();
  co_await server.connection->close();
}

CORO_TEST(NatsSource, a_message_is_told_what_became_of_it) {
  REQUIRE_NATS_SERVER();
  Server server;
  co_await server.open();
  co_await fill(*server.connection, "jobs", 1);
  auto source = co_await nats::open_source(*server.connection, {.stream = "jobs", .prefetch = 0, .lease = 300ms});
  auto message = co_await source.next();
  EXPECT_EQ(message->sequence(), 1u);
  EXPECT_EQ(message->deliveries(), 1u);
  message->nak();
  message = co_await source.next();
  EXPECT_EQ(message->deliveries(), 2u);
  const auto began = std::chrono::steady_clock::now();
  message->nak(100ms);
  message = co_await source.next();
  EXPECT_GE(std::chrono::steady_clock::now() - began, 90ms);
  EXPECT_EQ(message->deliveries(), 3u);
  for (int i = 0; i < 3; ++i) {  // longer than the lease
    message->in_progress();
    co_await sleep_for(150ms);
  }
  message->in_progress();
  EXPECT_EQ(source.stats().pulled, 3u);
  message = co_await source.next();  // nobody says anything of it any more
  EXPECT_EQ(message->deliveries(), 4u);
  message->term();
  co_await until([&] { return source.stats().held == 0; });
  co_await server.connection->close();
}

CORO_TEST(NatsSource, a_cancelled_next_loses_no_message) {
  REQUIRE_NATS_SERVER();
  Server server;
  co_await server.open();
  co_await nats::make_work_queue(*server.connection, {.name = "jobs"});
  auto source = co_await nats::open_source(*server.connection, {.stream = "jobs"});
  EXPECT_FALSE(co_await as_outcome(with_timeout(50ms, source.next())));
  co_await fill(*server.connection, "jobs", 1);
  const auto message = co_await source.next();
  REQUIRE(message);
  EXPECT_EQ(message->deliveries(), 1u);
  message->ack();
  co_await server.connection->close();
}

CORO_TEST(NatsSource, what_cannot_be_opened_is_named) {
  REQUIRE_NATS_SERVER();
  Server server;
  co_await server.open();
  const std::string url = server.server.url();
  const auto refused = [&](nats::SourceOptions options) -> awaitable<std::string> {
    std::exception_ptr error;
    try {
      const auto outcome = co_await as_outcome(nats::open_source(*server.connection, options));
      if (outcome) co_return "not refused";
      error = outcome.error();
    } catch (...) {
      error = std::current_exception();
    }
    co_return detail::message_of(error);
  };
  EXPECT_EQ(co_await refused({.stream = "nothing"}), "there is no stream nothing at " + url);
  EXPECT_TRUE((co_await refused({.stream = "a.b"})).starts_with("nats: 'a.b' cannot be the name of a stream"));
  EXPECT_TRUE((co_await refused({.stream = "a", .durable = ""})).starts_with("nats: '' cannot be the name of a consumer"));
  EXPECT_TRUE((co_await refused({.stream = "a", .lease = 1ms})).starts_with("nats: a lease must be 100 ms at least"));
  // Streams and consumers of others, made as their tools make them.
  co_await tell_server(home, url, "$JS.API.STREAM.CREATE.log", R"({"name":"log","subjects":["log"],"retention":"limits"})");
  EXPECT_EQ(co_await refused({.stream = "log"}),
            "stream log is no work queue: its retention policy is limits, and has to be workqueue");
  co_await nats::make_work_queue(*server.connection, {.name = "jobs"});
  co_await tell_server(home, url, "$JS.API.CONSUMER.DURABLE.CREATE.jobs.pushed",
                       R"({"stream_name":"jobs","config":{"durable_name":"pushed","ack_policy":"explicit","deliver_subject":"there"}})");
  EXPECT_EQ(co_await refused({.stream = "jobs", .durable = "pushed"}),
            "consumer pushed of stream jobs is pushed to a subject, and has to be one that is pulled from");
  co_await server.connection->close();
}

CORO_TEST(NatsSource, a_consumer_with_limits_that_do_no_good_is_refused) {
  REQUIRE_NATS_SERVER();
  Server server;
  co_await server.open();
  const std::string url = server.server.url();
  // A work queue has one consumer at a time.
  const auto with_limit = [&](std::string limit, std::size_t bound) -> awaitable<std::string> {
    co_await tell_server(home, url, "$JS.API.STREAM.DELETE.jobs", "");
    co_await nats::make_work_queue(*server.connection, {.name = "jobs"});
    const std::string config =
        R"({"stream_name":"jobs","config":{"durable_name":"workers","ack_policy":"explicit",)" + limit + "}}";
    co_await tell_server(home, url, "$JS.API.CONSUMER.DURABLE.CREATE.jobs.workers", config);
    const auto work = [&]() -> awaitable<void> {
      auto source = co_await nats::open_source(*server.connection,
                                               {.stream = "jobs", .prefetch = 4, .pull_expires = 1s, .until_empty = true});
      const auto handler = [](nats::Message) -> awaitable<void> { co_return; };
      const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
        co_await nats::process(executor, source, handler);
      };
      co_await with_executor({.max_workers = bound}, body);
    };
    const auto outcome = co_await as_outcome(work());
    if (outcome) co_return "not refused";
    co_return detail::message_of(outcome.error());
  };
  EXPECT_EQ(co_await with_limit(R"("max_deliver":3)", 1),
            "consumer workers of stream jobs has a max_deliver of 3, after which the server gives a message to nobody any "
            "more, and must have none");
  EXPECT_EQ(co_await with_limit(R"("max_batch":4)", 1),
            "consumer workers of stream jobs has a max_batch of 4, and up to 5 messages are to be asked for at once");
  EXPECT_EQ(co_await with_limit(R"("max_batch":10)", 7),
            "consumer workers of stream jobs has a max_batch of 10, and up to 11 messages are to be asked for at once");
  EXPECT_EQ(co_await with_limit(R"("max_expires":500000000)", 1),
            "consumer workers of stream jobs has a max_expires of 500 ms, and pull_expires is 1000 ms");
  EXPECT_EQ(co_await with_limit(R"("max_deliver":-1,"max_batch":11,"max_expires":1000000000)", 7), "not refused");
  co_await server.connection->close();
}

CORO_TEST(NatsSource, tells_prometheus) {
  REQUIRE_NATS_SERVER();
  Server server;
  co_await server.open();
  co_await fill(*server.connection, "jobs", 5);
  auto source = co_await nats::open_source(*server.connection, {.stream = "jobs", .prefetch = 4});
  const auto message = co_await source.next();
  co_await until([&] { return source.stats().held == 4; });
  std::ostringstream out;
  nats::open_metrics(out, source);
  EXPECT_NE(out.str().find("coroexec_nats_messages_total{stream=\"jobs\",durable=\"workers\",event=\"pulled\"} 5\n"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("coroexec_nats_messages_held{stream=\"jobs\",durable=\"workers\"} 4\n"), std::string::npos);
  co_await server.connection->close();
}

}  // namespace
}  // namespace coroexec::test
