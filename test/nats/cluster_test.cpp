// A cluster of three servers and three workers, of which one or another is always gone: every message has a result, none is
// lost, and the queue is empty at the end. 2,000 messages, or COROEXEC_NATS_MESSAGES: `ctest -C Load -R nats` takes
// 100,000, with longer outages.
#include <fcntl.h>
#include <signal.h>

#include <random>
#include <set>

#include "fetch/program/nginx.hpp"
#include "fetch/program/program.hpp"
#include "nats_server.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;
using fetch::test::Child;
using fetch::test::number_from;
using Clock = std::chrono::steady_clock;

// A worker process that can be killed and started again.
class Worker {
 public:
  Worker(std::string urls, std::int64_t rate) : urls_(std::move(urls)), rate_(std::to_string(rate)) { start(); }
  void start() {
    const int fd = ::open(log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    child_.emplace(std::vector<std::string>{COROEXEC_FETCH, "work", "--queue", urls_, "--stream", "jobs", "--durable",
                                            "workers", "--results", "results", "--concurrency", "50", "--rate", rate_,
                                            "--burst", "50", "--lease", "3s", "--until-empty"},
                   Child::Streams{-1, -1, fd});
  }
  void kill() { child_.reset(); }
  int wait() { return child_->wait(); }
  std::string told() const { return fetch::test::read_file(log()); }

 private:
  std::string log() const { return directory_.file("log"); }
  const std::string urls_, rate_;
  fetch::test::TempDir directory_;
  std::optional<Child> child_;
};

struct Queues {
  std::string urls;

  // A cluster takes its time until it has leaders.
  awaitable<void> make() {
    auto connection = co_await nats::connect({.servers = urls});
    const auto give_up = Clock::now() + 40s;
    for (const std::string name : {"jobs", "results"})
      for (;;) {
        const auto made = co_await as_outcome(nats::make_work_queue(connection, {.name = name, .replicas = 3}));
        if (made) break;
        if (Clock::now() > give_up) made.value();
        co_await sleep_for(200ms);
      }
    co_await connection.close();
  }
  awaitable<void> fill(std::string page, std::int64_t messages) {
    auto connection = co_await nats::connect({.servers = urls});
    std::int64_t i = 0;
    const auto lines = [&](Yield<nats::Outgoing> yield) -> awaitable<void> {
      for (; i < messages; ++i) {
        nats::Outgoing message{"jobs", page + std::to_string(i), std::to_string(i)};
        co_await yield(std::move(message));
      }
    };
    const auto stats = co_await nats::publish(connection, generate<nats::Outgoing>(lines));
    std::cout << stats.published << " messages published, " << stats.resent << " sent more than once" << std::endl;
    EXPECT_EQ(stats.published, static_cast<std::uint64_t>(messages));
    co_await connection.close();
  }
  // How often the consumer has given a message to somebody, and up to which all are done. Servers 2.9 may keep in the
  // stream what was acknowledged when a leader went, or not count up to where the consumer's acknowledgements go: what
  // either says is enough.
  struct Consumer {
    std::int64_t deliveries = 0, acknowledged = 0;
  };
  static std::int64_t number_in(const std::string& answer, const std::string& object, const std::string& field) {
    const auto begin = answer.find('"' + object + '"');
    const auto at = begin == answer.npos ? begin : answer.find('"' + field + "\":", begin);
    return at == answer.npos ? 0 : std::atoll(answer.c_str() + at + field.size() + 3);
  }
  awaitable<Consumer> ask_consumer(std::string url) {
    const auto executor = co_await asio::this_coro::executor;
    const std::string told = co_await tell_server(executor, url, "$JS.API.CONSUMER.INFO.jobs.workers", "");
    const std::string stream = co_await tell_server(executor, url, "$JS.API.STREAM.INFO.jobs", "");
    const auto last = number_in(stream, "state", "last_seq");
    const bool none_left = last > 0 && number_in(stream, "state", "messages") == 0;
    co_return Consumer{number_in(told, "delivered", "consumer_seq"),
                       none_left ? last : number_in(told, "ack_floor", "stream_seq")};
  }
  // Nothing while nobody can tell.
  Consumer consumer(NatsCluster& cluster) {
    for (std::size_t i = 0; i < 3; ++i) {
      const auto ask = [&]() -> awaitable<Consumer> {
        const std::string url = cluster[i].url();
        const auto outcome = co_await as_outcome(with_timeout(2s, ask_consumer(url)));
        co_return outcome ? *outcome : Consumer{};
      };
      const auto told = coroexec::run(ask);
      if (told.deliveries != 0) return told;
    }
    return {};
  }
  // What each server says, to find out why.
  void print(NatsCluster& cluster) {
    for (std::size_t i = 0; i < 3; ++i)
      for (const std::string subject : {"$JS.API.STREAM.INFO.jobs", "$JS.API.CONSUMER.INFO.jobs.workers"}) {
        const auto ask = [&]() -> awaitable<std::string> {
          const auto executor = co_await asio::this_coro::executor;
          const std::string url = cluster[i].url();
          const auto outcome = co_await as_outcome(with_timeout(2s, tell_server(executor, url, subject, "")));
          co_return outcome ? *outcome : "no answer\n";
        };
        std::cout << "server " << i << ": " << coroexec::run(ask);
      }
  }
  awaitable<std::set<std::string>> results() {
    auto connection = co_await nats::connect({.servers = urls});
    auto source = co_await nats::open_source(connection, {.stream = "results", .prefetch = 200, .until_empty = true});
    std::set<std::string> found;
    while (auto message = co_await source.next()) {
      const auto [line, result] = fetch::test::parse_result(std::string(message->data()));
      EXPECT_EQ(result.status, 200) << message->data();
      found.insert(result.url);
      message->ack();
    }
    co_await connection.close();
    co_return found;
  }
};

TEST(NatsCluster, every_message_has_a_result_while_workers_and_servers_come_and_go) {
  if (!have_nats_server() || !fetch::test::have_nginx()) GTEST_SKIP() << "nats-server or nginx is not installed";
  const auto messages = number_from("COROEXEC_NATS_MESSAGES", 2'000);
  const auto pause = std::chrono::milliseconds(number_from("COROEXEC_NATS_PAUSE", 1'000));
  const auto rate = std::max<std::int64_t>(150, messages / 150);  // so that it takes some time
  const auto seed = static_cast<std::uint64_t>(number_from("COROEXEC_NATS_SEED", std::random_device{}()));
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  const fetch::test::Nginx nginx;
  NatsCluster cluster;
  Queues queues{cluster.urls()};
  const std::string page = nginx.plain() + "/page/";
  coroexec::run([&] { return queues.make(); });
  coroexec::run([&] { return queues.fill(page, messages); });

  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(std::make_unique<Worker>(queues.urls, rate));
  int kills = 0, stops = 0, pauses = 0;
  const auto wait = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
  const auto kill_one = [&] {
    auto& worker = *workers[random() % 3];
    worker.kill();
    wait(std::chrono::milliseconds(random() % 300));
    worker.start();
    ++kills;
  };
  const auto begun = Clock::now();
  const auto give_up = begun + std::chrono::seconds(60) + std::chrono::milliseconds(messages * 10);
  const auto empty = [&] { return queues.consumer(cluster).acknowledged == messages; };
  for (int turn = 0; turn < 3 || !empty(); ++turn) {
    if (Clock::now() > give_up) {
      for (auto& worker : workers) std::cout << worker->told();
      queues.print(cluster);
      FAIL() << "the queue does not get empty";
    }
    wait(pause / 4);
    kill_one();
    auto& server = cluster[random() % 3];
    if (turn % 3 == 0) {
      server.stop();
      wait(pause / 2);
      server.start();
      ++stops;
    } else if (turn % 3 == 1) {
      server.pause();
      wait(pause);
      server.resume();
      ++pauses;
    }
  }
  const auto taken = std::chrono::duration<double>(Clock::now() - begun).count();
  for (auto& worker : workers) {
    worker->wait();
    std::cout << worker->told();
  }
  std::cout << "workers were killed " << kills << " times, servers stopped " << stops << " times and paused " << pauses
            << " times, in " << taken << " s\n";
  Queues::Consumer told;
  while (told.deliveries == 0) told = queues.consumer(cluster);
  std::cout << told.deliveries - messages << " redeliveries\n";
  const auto found = coroexec::run([&] { return queues.results(); });
  EXPECT_EQ(found.size(), static_cast<std::size_t>(messages));
  for (std::int64_t i = 0; i < messages; ++i) EXPECT_TRUE(found.contains(page + std::to_string(i))) << i;
}

}  // namespace
}  // namespace coroexec::test
