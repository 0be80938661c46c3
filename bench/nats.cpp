// What a message of a work queue costs: empty jobs by process(), beside a bare loop on the C client, which fetches a batch
// and acknowledges each, and beside the engine's own cost of an empty job. Run by nats.py, which starts a server.
#include <nats/nats.h>

#include <chrono>
#include <coroexec/coroexec.hpp>
#include <coroexec/nats/nats.hpp>
#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>

namespace asio = boost::asio;
namespace nats = coroexec::nats;
using asio::awaitable;

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

awaitable<void> fill(const nats::Connection& connection, std::size_t messages) {
  co_await nats::make_work_queue(connection, {.name = "jobs", .in_memory = true, .duplicates = std::chrono::seconds(1)});
  const auto jobs = std::views::iota(std::size_t{0}, messages) |
                    std::views::transform([](std::size_t i) { return nats::Outgoing{"jobs", std::to_string(i)}; });
  co_await nats::publish(connection, jobs);
}

// The consumer is there before either is measured.
awaitable<double> ours(const nats::Connection& connection, std::size_t messages, std::size_t batch) {
  auto source = co_await nats::open_source(connection, {.stream = "jobs", .durable = "workers", .prefetch = batch / 2});
  std::size_t done = 0;
  const auto handler = [&](nats::Message) -> awaitable<void> {
    if (++done == messages) source.stop();
    co_return;
  };
  const auto body = [&](coroexec::CoroutineExecutor& executor) -> awaitable<void> {
    co_await nats::process(executor, source, handler);
  };
  const auto begun = Clock::now();
  co_await coroexec::with_executor({.max_workers = batch / 2}, body);
  while ((co_await nats::stream_info(connection, "jobs")).messages != 0) {  // until it has seen all acknowledgements
  }
  const double taken = since(begun);
  co_return taken;
}

void check(natsStatus status) {
  if (status != NATS_OK) throw std::runtime_error(nats_GetLastError(nullptr));
}

double bare(const std::string& url, std::size_t messages, std::size_t batch) {
  natsConnection* connection = nullptr;
  jsCtx* js = nullptr;
  natsSubscription* subscription = nullptr;
  check(natsConnection_ConnectTo(&connection, url.c_str()));
  check(natsConnection_JetStream(&js, connection, nullptr));
  jsErrCode code{};
  jsSubOptions options;
  check(jsSubOptions_Init(&options));
  options.Stream = "jobs";
  options.Consumer = "workers";
  check(js_PullSubscribe(&subscription, js, "jobs", "workers", nullptr, &options, &code));
  const auto begun = Clock::now();
  for (std::size_t done = 0; done < messages;) {
    natsMsgList list{};
    check(natsSubscription_Fetch(&list, subscription, static_cast<int>(batch), 5000, &code));
    for (int i = 0; i < list.Count; ++i) check(natsMsg_Ack(list.Msgs[i], nullptr));
    done += static_cast<std::size_t>(list.Count);
    natsMsgList_Destroy(&list);
  }
  check(natsConnection_Flush(connection));
  const double taken = since(begun);
  natsSubscription_Destroy(subscription);
  jsCtx_Destroy(js);
  natsConnection_Destroy(connection);
  return taken;
}

awaitable<double> engine(std::size_t jobs, std::size_t bound) {
  const auto job = []() -> awaitable<void> { co_return; };
  const auto body = [&](coroexec::CoroutineExecutor& executor) -> awaitable<void> {
    for (std::size_t i = 0; i < jobs; ++i) co_await executor.submit(job);
  };
  const auto begun = Clock::now();
  co_await coroexec::with_executor({.max_workers = bound}, body);
  co_return since(begun);
}

struct Best {
  double seconds = 1e9;
  void add(double taken) { seconds = std::min(seconds, taken); }
  double ns(std::size_t messages) const { return seconds * 1e9 / static_cast<double>(messages); }
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fputs("usage: bench_nats URL [MESSAGES [BATCH [ROUNDS]]]\n", stderr);
    return 2;
  }
  const auto number = [&](int i, std::size_t standard) { return argc > i ? std::strtoull(argv[i], nullptr, 10) : standard; };
  const std::string url = argv[1];
  const std::size_t messages = number(2, 100'000), batch = number(3, 256), rounds = number(4, 3);
  Best by_us, by_hand, alone;
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto first = [&]() -> awaitable<void> {
      auto connection = co_await nats::connect({.servers = url});
      co_await fill(connection, messages);
      by_us.add(co_await ours(connection, messages, batch));
      co_await fill(connection, messages);
      co_await connection.close();
    };
    coroexec::run(first);
    by_hand.add(bare(url, messages, batch));
    alone.add(coroexec::run([&] { return engine(messages, batch / 2); }));
  }
  const double ns = by_us.ns(messages), hand = by_hand.ns(messages), own = alone.ns(messages);
  std::printf("process(), empty jobs      %8.0f ns a message, %7.0f/s\n", ns, 1e9 / ns);
  std::printf("bare loop, fetch and ack   %8.0f ns a message, %7.0f/s\n", hand, 1e9 / hand);
  std::printf("the engine alone           %8.0f ns a job\n", own);
  std::printf("throughput is %.2f of the bare loop's (to reach: 0.80); a message costs %.0f ns above the engine's own\n",
              hand / ns, ns - own);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_nats: %s\n", error.what());
  return 1;
}
