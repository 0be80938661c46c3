// Filling the queue.
#include <boost/asio/this_coro.hpp>

#include <coroexec/nats/nats.hpp>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "line_source.hpp"
#include "queue.hpp"
#include "queue_connection.hpp"
#include "summary.hpp"

namespace fetch {
namespace {

// Lines as messages. One that stands in the same place again has the same id, so that it is queued once.
class LineMessages {
 public:
  LineMessages(LineSource& lines, std::string subject) : lines_(lines), subject_(std::move(subject)) {}

  asio::awaitable<std::optional<coroexec::nats::Outgoing>> next() {
    Line line;
    for (;;) {
      const auto got = lines_.next(line);
      if (got == LineSource::Next::end) co_return std::nullopt;
      if (got == LineSource::Next::line) break;
      co_await lines_.wait();
    }
    coroexec::nats::Outgoing message;
    message.subject = subject_;
    message.id = std::to_string(line.number) + ' ' + line.text;
    message.data = std::move(line.text);
    co_return message;
  }

 private:
  LineSource& lines_;
  std::string subject_;
};

}  // namespace

asio::awaitable<int> enqueue(const Options& options) {
  const auto executor = co_await asio::this_coro::executor;
  LineSource lines(executor, options.list);
  auto connection = co_await connect_queue(options.queue);
  const auto stream = co_await coroexec::nats::make_work_queue(
      connection, {.name = options.queue.stream, .replicas = options.queue.replicas});
  std::string subject = options.queue.subject;
  if (subject.empty()) subject = stream.subjects.empty() ? stream.name : stream.subjects.front();
  if (subject.find_first_of("*>") != subject.npos)
    throw std::runtime_error("stream " + stream.name + " takes " + subject + ": say which by --subject");
  LineMessages messages(lines, subject);
  const auto stats = co_await coroexec::nats::publish(connection, std::ref(messages), {.stream = options.queue.stream});
  std::cerr << grouped(stats.published - stats.duplicates) << " URLs queued in " << stream.name;
  if (stats.duplicates != 0) std::cerr << ", " << grouped(stats.duplicates) << " were there already";
  std::cerr << '\n';
  co_await connection.close();
  co_return EXIT_SUCCESS;
}

}  // namespace fetch
