// process(): what becomes of messages.
#include "event.hpp"
#include "nats_server.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

// A server, a connection and a queue "jobs" with so many jobs.
struct Queue {
  explicit Queue(const std::string& configuration = "") : server(configuration) {}
  NatsServer server;
  std::optional<nats::Connection> connection;

  awaitable<void> open(int jobs) {
    const std::string url = server.url();
    connection.emplace(co_await nats::connect({.servers = url, .reconnect_wait = 20ms}));
    co_await fill(*connection, "jobs", jobs);
  }
  // Acknowledgements are not waited for.
  awaitable<void> gets_empty() {
    for (;;) {
      const auto messages = co_await left();
      if (messages == 0) co_return;
      co_await sleep_for(1ms);
    }
  }
  awaitable<std::uint64_t> left() { co_return (co_await nats::stream_info(*connection, "jobs")).messages; }
};

// How often each job has been run.
struct Runs {
  std::map<std::string, int> of;
  bool each_once(int jobs) const {
    return of.size() == static_cast<std::size_t>(jobs) && std::ranges::all_of(of, [](auto& run) { return run.second == 1; });
  }
};

CORO_TEST(NatsProcess, runs_a_job_for_each_message_and_leaves_the_queue_empty) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(1000);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .until_empty = true});
  Runs runs;
  std::size_t active = 0, peak = 0;
  const auto handler = [&](nats::Message message) -> awaitable<void> {
    peak = std::max(peak, ++active);
    co_await this_task::yield();
    --active;
    ++runs.of[std::string(message.data())];
    EXPECT_EQ(message.subject(), "jobs");
    EXPECT_FALSE(message.redelivered());
  };
  nats::SourceStats stats;
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    stats = co_await nats::process(executor, source, handler);
  };
  co_await with_executor({.max_workers = 20}, body);
  EXPECT_TRUE(runs.each_once(1000));
  EXPECT_EQ(stats.pulled, 1000u);
  EXPECT_EQ(stats.acknowledged, 1000u);
  EXPECT_EQ(stats.redelivered, 0u);
  EXPECT_EQ(stats.held, 0u);
  EXPECT_LE(stats.most_held, 24u);
  EXPECT_LE(peak, 20u);
  co_await queue.gets_empty();
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, with_confirmed_acknowledgements_is_the_same) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(200);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .until_empty = true});
  const auto handler = [](nats::Message) -> awaitable<void> { co_return; };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto stats = co_await nats::process(executor, source, handler, {.confirm = true});
    EXPECT_EQ(stats.acknowledged, 200u);
  };
  co_await with_executor({.max_workers = 20}, body);
  co_await queue.gets_empty();
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, a_poison_message_ends_in_the_dead_letters_and_stops_nothing) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(50);
  co_await nats::make_work_queue(*queue.connection, {.name = "dead"});
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .until_empty = true});
  Runs runs;
  const auto handler = [&](nats::Message message) -> awaitable<void> {
    ++runs.of[std::string(message.data())];
    if (message.data() == "7") throw std::runtime_error("cannot\nbe done");
    co_return;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto stats = co_await nats::process(executor, source, handler,
                                              {.max_deliveries = 3, .dead_letter = "dead", .retry_delay = 10ms});
    EXPECT_EQ(stats.dead_lettered, 1u);
    EXPECT_EQ(stats.failed, 2u);
    EXPECT_EQ(stats.redelivered, 2u);
    EXPECT_EQ(stats.acknowledged, 49u);
  };
  co_await with_executor({.max_workers = 4}, body);
  EXPECT_EQ(runs.of["7"], 3);
  EXPECT_EQ(runs.of["8"], 1);
  co_await queue.gets_empty();
  auto dead = co_await nats::open_source(*queue.connection, {.stream = "dead"});
  const auto message = co_await dead.next();
  REQUIRE(message);
  EXPECT_EQ(message->data(), "7");
  EXPECT_EQ(message->header("Coroexec-Error"), "cannot be done");
  EXPECT_EQ(message->header("Coroexec-Stream"), "jobs");
  EXPECT_EQ(message->header("Coroexec-Sequence"), "8");
  EXPECT_EQ(message->header("Coroexec-Subject"), "jobs");
  EXPECT_EQ(message->header("Coroexec-Deliveries"), "3");
  EXPECT_FALSE(message->header("Other"));
  message->ack();
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, does_not_begin_where_no_stream_takes_the_dead_letters) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(1);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .until_empty = true});
  const auto handler = [](nats::Message) -> awaitable<void> { co_return; };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await nats::process(executor, source, handler, {.max_deliveries = 1, .dead_letter = "dead"});
  };
  const auto outcome = co_await as_outcome(with_executor({.max_workers = 4}, body));
  REQUIRE(!outcome);
  EXPECT_EQ(detail::message_of(outcome.error()),
            "no stream at " + queue.server.url() + " takes the dead letters' subject dead");
  EXPECT_EQ(co_await queue.left(), 1u);
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, buries_a_message_that_is_too_large_for_more_headers_without_its_data) {
  REQUIRE_NATS_SERVER();
  Queue queue("max_payload: 4096");
  co_await queue.open(0);
  co_await nats::make_work_queue(*queue.connection, {.name = "dead"});
  nats::Outgoing large;
  large.subject = "jobs";
  large.data = std::string(4000, 'x');
  large.id = "large";
  co_await nats::publish(*queue.connection, large);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .until_empty = true});
  const auto handler = [](nats::Message) -> awaitable<void> {
    throw std::runtime_error(std::string(5000, 'e'));
    co_return;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto stats = co_await nats::process(executor, source, handler, {.max_deliveries = 1, .dead_letter = "dead"});
    EXPECT_EQ(stats.dead_lettered, 1u);
  };
  co_await with_timeout(30s, with_executor({.max_workers = 1}, body));
  auto dead = co_await nats::open_source(*queue.connection, {.stream = "dead"});
  const auto message = co_await dead.next();
  REQUIRE(message);
  EXPECT_EQ(message->data(), "");
  EXPECT_EQ(message->header("Coroexec-Truncated"), "data of 4000 bytes was too large");
  EXPECT_EQ(message->header("Coroexec-Error"), std::string(1000, 'e'));
  message->ack();
  co_await queue.connection->close();
}

// Handed back so often before.
awaitable<void> hand_back(nats::Connection& connection, int times) {
  auto source = co_await nats::open_source(connection, {.stream = "jobs", .prefetch = 0});
  for (int i = 0; i < times; ++i) {
    const auto message = co_await source.next();
    REQUIRE(message);
    message->nak();
  }
}

CORO_TEST(NatsProcess, gives_a_message_that_was_handed_back_often_its_chance) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(1);
  co_await hand_back(*queue.connection, 3);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .until_empty = true});
  std::uint64_t deliveries = 0;
  const auto handler = [&](nats::Message message) -> awaitable<void> {
    deliveries = message.deliveries();
    co_return;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto stats = co_await nats::process(executor, source, handler, {.max_deliveries = 2});
    EXPECT_EQ(stats.acknowledged, 1u);
    EXPECT_EQ(stats.dead_lettered, 0u);
  };
  co_await with_executor({.max_workers = 1}, body);
  EXPECT_EQ(deliveries, 4u);
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, gives_up_a_message_that_ends_all_who_work_on_it) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(1);
  co_await hand_back(*queue.connection, 4);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .until_empty = true});
  int runs = 0;
  const auto handler = [&](nats::Message) -> awaitable<void> {
    ++runs;
    co_return;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto stats = co_await nats::process(executor, source, handler, {.max_deliveries = 2});
    EXPECT_EQ(stats.dead_lettered, 1u);
  };
  co_await with_executor({.max_workers = 1}, body);
  EXPECT_EQ(runs, 0);
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, keeps_a_message_for_as_long_as_its_job_runs) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(3);
  auto source = co_await nats::open_source(
      *queue.connection, {.stream = "jobs", .prefetch = 2, .lease = 600ms, .until_empty = true});
  EXPECT_EQ(source.lease(), 600ms);
  Runs runs;
  const auto handler = [&](nats::Message message) -> awaitable<void> {
    ++runs.of[std::string(message.data())];
    co_await sleep_for(1s);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto stats = co_await nats::process(executor, source, handler);
    EXPECT_EQ(stats.redelivered, 0u);
    EXPECT_EQ(stats.lease_lost, 0u);
  };
  co_await with_executor({.max_workers = 1}, body);  // the others wait here meanwhile
  EXPECT_TRUE(runs.each_once(3));
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, cancels_a_job_whose_lease_is_lost) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(1);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .lease = 400ms, .until_empty = true});
  int cancelled = 0, done = 0;
  const auto handler = [&](nats::Message message) -> awaitable<void> {
    if (message.redelivered()) {
      ++done;
      co_return;
    }
    queue.server.pause();
    const auto outcome = co_await as_outcome(sleep_for(1h));
    EXPECT_FALSE(outcome);
    ++cancelled;
    queue.server.resume();
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto stats = co_await nats::process(executor, source, handler);
    EXPECT_EQ(stats.lease_lost, 1u);
    EXPECT_EQ(stats.acknowledged, 1u);
  };
  co_await with_executor({.max_workers = 2}, body);
  EXPECT_EQ(cancelled, 1);
  EXPECT_EQ(done, 1);
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, starts_no_job_whose_lease_was_lost_while_it_queued) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(2);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .lease = 400ms, .until_empty = true});
  int first = 0, again = 0;
  const auto handler = [&](nats::Message message) -> awaitable<void> {
    if (message.redelivered()) {
      ++again;
      co_return;
    }
    if (++first > 1) co_return;
    queue.server.pause();
    const auto outcome = co_await as_outcome(sleep_for(1h));
    EXPECT_FALSE(outcome);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto stats = co_await nats::process(executor, source, handler);
    EXPECT_EQ(stats.lease_lost, 2u);
    EXPECT_EQ(stats.acknowledged, 2u);
  };
  const auto resume = [&]() -> awaitable<void> {
    co_await until([&] { return first == 1; });
    co_await sleep_for(600ms);
    queue.server.resume();
  };
  // The second may start after a second.
  co_await gather(with_executor({.max_workers = 2, .max_per_second = 1}, body), resume());
  EXPECT_EQ(first, 1);
  EXPECT_EQ(again, 2);
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, goes_on_after_the_server_was_away) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(100);
  // What was on its way when the server went comes again after its lease.
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .lease = 500ms, .until_empty = true});
  Runs runs;
  bool gone = false;
  const auto handler = [&](nats::Message message) -> awaitable<void> {
    ++runs.of[std::string(message.data())];
    if (runs.of.size() == 50 && !std::exchange(gone, true)) {
      queue.server.stop();
      queue.server.start();
    }
    co_await this_task::yield();
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await nats::process(executor, source, handler);
  };
  co_await with_executor({.max_workers = 10}, body);
  EXPECT_EQ(runs.of.size(), 100u);
  EXPECT_EQ(queue.connection->reconnects(), 1u);
  co_await queue.gets_empty();
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, that_is_cancelled_hands_back_and_lets_run_what_runs) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(100);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .prefetch = 5});
  Event release(home);
  int started = 0, ended = 0;
  const auto handler = [&](nats::Message) -> awaitable<void> {
    ++started;
    co_await release.wait();
    ++ended;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await nats::process(executor, source, handler, {.grace = 20s});
  };
  CoroutineExecutor outer(home);
  const auto whole = [&]() -> awaitable<void> { co_await with_executor({.max_workers = 10}, body); };
  auto task = outer.submit_nowait(whole);
  co_await until([&] { return started == 10 && source.stats().held == 15; });
  task.cancel();
  co_await until([&] { return source.stats().handed_back == 5; });
  EXPECT_FALSE(task.done());
  EXPECT_EQ(started, 10);
  release.set();
  co_await task.wait();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(ended, 10);
  const auto stats = source.stats();
  EXPECT_EQ(stats.acknowledged, 10u);
  EXPECT_EQ(stats.handed_back, 5u);
  EXPECT_EQ(stats.held, 0u);
  // They are somebody else's at once.
  auto other = co_await nats::open_source(*queue.connection, {.stream = "jobs", .prefetch = 100});
  std::size_t redelivered = 0;
  for (int i = 0; i < 90; ++i) {
    const auto message = co_await other.next();
    REQUIRE(message);
    redelivered += message->redelivered();
    message->ack();
  }
  EXPECT_EQ(redelivered, 5u);
  try {
    co_await outer.shutdown();
  } catch (const boost::system::system_error&) {
  }
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, of_a_stopped_source_hands_back_what_waits_in_the_executor) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(10);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .prefetch = 0});
  Event release(home);
  int started = 0;
  CoroutineExecutor* jobs = nullptr;
  const auto handler = [&](nats::Message) -> awaitable<void> {
    ++started;
    co_await release.wait();
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    jobs = &executor;
    const auto stats = co_await nats::process(executor, source, handler);
    EXPECT_EQ(stats.acknowledged, 1u);
    EXPECT_EQ(stats.handed_back, 2u);
  };
  const auto stop = [&]() -> awaitable<void> {
    co_await until([&] { return started == 1 && jobs->stats().queued == 2; });
    source.stop();
    co_await until([&] { return source.stats().handed_back == 2; });
    EXPECT_EQ(started, 1);
    release.set();
  };
  co_await gather(with_executor({.max_workers = 3, .max_per_second = 0.001}, body), stop());
  EXPECT_EQ(started, 1);
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, hands_back_what_is_not_done_within_the_grace) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(10);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .prefetch = 0});
  int started = 0;
  const auto handler = [&](nats::Message) -> awaitable<void> {
    ++started;
    co_await sleep_for(1h);
  };
  CoroutineExecutor executor(home, {.max_workers = 4});
  CoroutineExecutor outer(home);
  const auto whole = [&]() -> awaitable<void> { co_await nats::process(executor, source, handler, {.grace = 10ms}); };
  auto task = outer.submit_nowait(whole);
  co_await until([&] { return started == 4; });
  task.cancel();
  co_await task.wait();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(source.stats().handed_back, 4u);
  EXPECT_EQ(source.stats().failed, 0u);
  EXPECT_EQ(executor.stats().active, 0u);
  co_await executor.shutdown();
  try {
    co_await outer.shutdown();
  } catch (const boost::system::system_error&) {
  }
  EXPECT_EQ(co_await queue.left(), 10u);
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, that_is_cancelled_while_an_acknowledgement_is_confirmed_waits_for_that) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(1);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .prefetch = 0, .lease = 12s});
  Event paused(home);
  const auto handler = [&](nats::Message) -> awaitable<void> {
    queue.server.pause();
    paused.set();
    co_return;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await nats::process(executor, source, handler, {.confirm = true, .grace = 1ms});
  };
  CoroutineExecutor outer(home, {.on_error = ErrorPolicy::suppress});
  const auto whole = [&]() -> awaitable<void> { co_await with_executor({.max_workers = 1}, body); };
  auto task = outer.submit_nowait(whole);
  co_await paused.wait();
  task.cancel();
  co_await sleep_for(100ms);  // the grace is over
  queue.server.resume();
  co_await task.wait();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(source.stats().acknowledged, 1u);
  EXPECT_EQ(source.stats().lease_lost, 0u);
  EXPECT_EQ(co_await queue.left(), 0u);
  co_await outer.shutdown();
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, ends_with_an_executor_that_is_cancelled_elsewhere) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(2);
  for (int round = 0; round < 2; ++round) {
    const bool at_work = round == 0;
    auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .prefetch = 0});
    Event release(home);
    int started = 0, ended = 0;
    const auto handler = [&](nats::Message) -> awaitable<void> {
      ++started;
      if (at_work) co_await release.wait();
      ++ended;
    };
    CoroutineExecutor executor(home, {.max_workers = 2});
    const auto work = [&]() -> awaitable<void> { co_await nats::process(executor, source, handler, {.grace = 20s}); };
    CoroutineExecutor outer(home, {.on_error = ErrorPolicy::suppress});
    auto task = outer.submit_nowait(work);
    if (at_work) co_await until([&] { return started == 2; });
    else co_await sleep_for(20ms);  // it waits for messages
    executor.cancel();
    if (at_work) {
      co_await sleep_for(20ms);
      EXPECT_FALSE(task.done());
      EXPECT_EQ(ended, 0);
      release.set();
    }
    co_await task.wait();
    EXPECT_TRUE(detail::is_cancelled(task.exception()));
    EXPECT_EQ(ended, at_work ? 2 : 0);
    EXPECT_EQ(source.stats().acknowledged, at_work ? 2u : 0u);
    EXPECT_EQ(source.stats().held, 0u);
    const auto joined = co_await as_outcome(executor.join());
    EXPECT_FALSE(joined);
    co_await outer.shutdown();
  }
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, two_workers_take_as_much_as_their_bounds_are) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(5000);
  struct Worker {
    std::size_t bound;
    nats::SourceStats stats{};
  };
  Worker small{10}, large{100};
  const auto work = [&](Worker& worker) -> awaitable<void> {
    const std::string url = queue.server.url();
    auto connection = co_await nats::connect({.servers = url});
    auto source = co_await nats::open_source(connection, {.stream = "jobs", .prefetch = 4, .until_empty = true});
    const auto handler = [](nats::Message) -> awaitable<void> { co_await sleep_for(20ms); };
    const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
      worker.stats = co_await nats::process(executor, source, handler);
    };
    co_await with_executor({.max_workers = worker.bound}, body);
    co_await connection.close();
  };
  co_await gather(work(small), work(large));
  EXPECT_EQ(small.stats.acknowledged + large.stats.acknowledged, 5000u);
  const double ratio = static_cast<double>(large.stats.acknowledged) / static_cast<double>(small.stats.acknowledged);
  std::cout << "bound 100 did " << ratio << " times as much as bound 10; held at most " << large.stats.most_held << " and "
            << small.stats.most_held << '\n';
  EXPECT_GT(ratio, 7);
  EXPECT_LT(ratio, 14);
  EXPECT_LE(small.stats.most_held, 14u);
  EXPECT_LE(large.stats.most_held, 104u);
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, ends_with_the_error_of_a_stream_that_is_deleted) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(0);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .pull_expires = 10ms});
  const auto handler = [](nats::Message) -> awaitable<void> { co_return; };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await nats::process(executor, source, handler);
  };
  co_await tell_server(home, queue.server.url(), "$JS.API.STREAM.DELETE.jobs", "");
  const auto outcome = co_await as_outcome(with_executor({.max_workers = 4}, body));
  REQUIRE(!outcome);
  EXPECT_EQ(detail::message_of(outcome.error()), "stream jobs has been deleted");
  co_await queue.connection->close();
}

CORO_TEST(NatsProcess, says_which_options_make_no_sense) {
  REQUIRE_NATS_SERVER();
  Queue queue;
  co_await queue.open(0);
  auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs"});
  const auto handler = [](nats::Message) -> awaitable<void> { co_return; };
  const auto refused = [&](std::size_t bound, nats::ProcessOptions options) {
    CoroutineExecutor executor(home, {.max_workers = bound});
    try {
      (void)nats::process(executor, source, handler, options);
    } catch (const boost::system::system_error& error) {
      return std::string(error.what());
    }
    return std::string("not refused");
  };
  EXPECT_TRUE(refused(unlimited, {}).starts_with("nats: process() needs an executor with a bound, max_workers"));
  EXPECT_TRUE(refused(1, {.max_deliveries = 0}).starts_with("nats: max_deliveries must be at least 1"));
  EXPECT_TRUE(refused(1, {.grace = -1s}).starts_with("nats: retry_delay, max_retry_delay and grace must not be negative"));
  co_await queue.connection->close();
}

// In several threads, jobs in parallel.
TEST(NatsProcessThreads, run_each_message_once) {
  if (!have_nats_server()) GTEST_SKIP() << "nats-server is not installed (tools/install-deps.sh)";
  Queue queue;
  asio::io_context context;
  std::mutex mutex;
  Runs runs;
  const auto handler = [&](nats::Message message) -> awaitable<void> {
    co_await this_task::yield();
    const std::lock_guard lock(mutex);
    ++runs.of[std::string(message.data())];
  };
  const auto main = [&]() -> awaitable<void> {
    co_await queue.open(5000);
    auto source = co_await nats::open_source(*queue.connection, {.stream = "jobs", .until_empty = true});
    const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
      co_await nats::process(executor, source, handler);
    };
    co_await with_executor({.max_workers = 50}, body);
    co_await queue.connection->close();
  };
  std::exception_ptr error;
  asio::co_spawn(context, main, [&](std::exception_ptr e) { error = e; });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
  for (auto& thread : threads) thread.join();
  if (error) ADD_FAILURE() << detail::message_of(error);
  EXPECT_TRUE(runs.each_once(5000));
}

}  // namespace
}  // namespace coroexec::test
