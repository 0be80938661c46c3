// Emptying the queue: one job a message, acknowledged when its result has been written.
#include <boost/asio/this_coro.hpp>

#include <unistd.h>

#include <coroexec/coroexec.hpp>
#include <coroexec/nats/nats.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "fetcher.hpp"
#include "interrupt.hpp"
#include "queue.hpp"
#include "queue_connection.hpp"
#include "reporter.hpp"
#include "url_source.hpp"
#include "watch.hpp"

namespace fetch {
namespace {

namespace nats = coroexec::nats;

class Worker {
 public:
  Worker(asio::any_io_executor executor, const Options& options, nats::Connection& connection, TraceFile* trace)
      : options_(options),
        connection_(connection),
        trace_(trace),
        fetcher_(executor, options),
        reporter_(executor, options.queue.results.empty() ? STDOUT_FILENO : -1),
        writer_(executor, 1) {}

  asio::awaitable<void> handle(nats::Message message) {
    Result result = co_await fetch(message);
    if (result.failure && result.failure->kind == ErrorKind::cancelled)
      throw boost::system::system_error(asio::error::operation_aborted);
    if (trace_) trace_->add(result);
    if (result.failure && may_be_mended(result.failure->kind) && !options_.queue.dead_letter.empty())
      throw std::runtime_error(result.failure->message);
    if (!options_.queue.results.empty()) {
      nats::Outgoing outgoing;
      outgoing.subject = options_.queue.results;
      outgoing.id = options_.queue.stream + ' ' + std::to_string(message.sequence());
      outgoing.data = to_json_line(result);
      outgoing.data.pop_back();
      co_await nats::publish(connection_, std::move(outgoing));
    }
    const auto report = [&]() -> asio::awaitable<void> {
      reporter_.add(result);
      co_await reporter_.flush();
    };
    co_await writer_.exec(report);  // one line after the other
  }

  Fetcher& fetcher() { return fetcher_; }
  Summary& summary() { return reporter_.summary(); }

 private:
  asio::awaitable<Result> fetch(const nats::Message& message) {
    Line line;
    line.number = message.sequence();
    line.text = message.data();
    line.too_long = line.text.size() > LineSource::max_line;
    Request request = to_request(std::move(line));
    co_return co_await coroexec::with_timeout(options_.timeout, fetcher_.fetch(request));
  }
  // A URL that is none stays so.
  static bool may_be_mended(ErrorKind kind) { return kind != ErrorKind::invalid_url; }

  const Options& options_;
  nats::Connection& connection_;
  TraceFile* trace_;
  Fetcher fetcher_;
  Reporter reporter_;
  coroexec::AioPool writer_;
};

std::string told(const nats::SourceStats& stats) {
  std::string text = "  queue        " + grouped(stats.pulled) + " taken";
  const std::pair<std::uint64_t, const char*> counts[] = {
      {stats.acknowledged, " acknowledged"}, {stats.redelivered, " not for the first time"},
      {stats.failed, " to be tried again"},  {stats.dead_lettered, " given up"},
      {stats.lease_lost, " lost their lease"}, {stats.handed_back, " handed back"}};
  for (const auto& [count, what] : counts)
    if (count != 0) text += ", " + grouped(count) + what;
  return text + '\n';
}

}  // namespace

asio::awaitable<int> work(const Options& options) {
  const auto executor = co_await asio::this_coro::executor;
  auto connection = co_await connect_queue(options.queue);
  auto source = co_await nats::open_source(connection, {.stream = options.queue.stream,
                                                        .durable = options.queue.durable,
                                                        .prefetch = options.queue.prefetch,
                                                        .lease = options.queue.lease,
                                                        .until_empty = options.queue.until_empty});
  const auto queue_metrics = [&source](std::ostream& out) { nats::open_metrics(out, source); };
  Watch watch(executor, options, queue_metrics);
  Worker worker(executor, options, connection, watch.trace ? &*watch.trace : nullptr);
  const auto handler = [&worker](nats::Message message) { return worker.handle(std::move(message)); };
  const auto body = [&](coroexec::CoroutineExecutor& jobs) -> asio::awaitable<void> {
    co_await nats::process(jobs, source, handler,
                           {.max_deliveries = options.queue.max_deliveries,
                            .dead_letter = options.queue.dead_letter,
                            .grace = std::chrono::nanoseconds(0)});  // that of the command line has passed by then
  };
  const coroexec::ExecutorOptions limits{.max_workers = options.concurrency,
                                         .max_per_second = options.rate,
                                         .burst = options.burst,
                                         .threading = coroexec::Threading::single,
                                         .name = "fetch"};
  const auto all = [&]() -> asio::awaitable<void> { co_await coroexec::with_executor(limits, body); };
  coroexec::AioPool outer(executor, coroexec::PoolOptions{.size = 1, .name = "work"});
  const auto task = outer.spawn_n(all);

  Interrupt::Actions actions;
  actions.stop = [&] {
    std::cerr << "coroexec-fetch: interrupted; what is being fetched may finish, Ctrl-C again cancels it\n";
    source.stop();
  };
  actions.cancel = [&] {
    worker.fetcher().cancelling();
    task.cancel();
  };
  Interrupt interrupt(executor, options.grace, std::move(actions));
  const auto began = std::chrono::steady_clock::now();
  std::cerr << "coroexec-fetch: working on stream " << options.queue.stream << '\n';
  co_await task.wait();
  if (watch.trace) watch.trace->close();
  auto& summary = worker.summary();
  summary.retries = worker.fetcher().retries();
  summary.connections = worker.fetcher().connections().made();
  summary.connections_reused = worker.fetcher().connections().reused();
  std::cerr << summary.text(std::chrono::steady_clock::now() - began) << told(source.stats());
  co_await connection.close();
  if (interrupt.signal() == 0) task.result();
  const int status = interrupt.signal() != 0 ? 128 + interrupt.signal() : summary.failed() != 0 ? 1 : EXIT_SUCCESS;
  if (worker.fetcher().resolver().busy()) std::_Exit(status);  // as in main.cpp
  co_return status;
}

}  // namespace fetch
