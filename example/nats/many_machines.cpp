// A work queue that any number of machines take from: many_machines URL fill, then on each machine many_machines URL work.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <coroexec/nats/nats.hpp>
#include <iostream>
#include <ranges>
#include <string>

namespace nats = coroexec::nats;
using namespace std::chrono_literals;
using boost::asio::awaitable;
using coroexec::CoroutineExecutor;

namespace {

awaitable<void> resize_image(std::string name) {
  co_await coroexec::sleep_for(1ms);
  if (name == "image 7") throw std::runtime_error("it is no image");
}

awaitable<void> fill(std::string url) {
  // [fill]
  auto connection = co_await nats::connect({.servers = url});
  co_await nats::make_work_queue(connection, {.name = "images"});
  co_await nats::make_work_queue(connection, {.name = "images-dead"});
  const auto job = [](int i) {
    nats::Outgoing message;
    message.subject = "images";
    message.data = "image " + std::to_string(i);
    message.id = std::to_string(i);                        // queued once, however often this runs
    return message;
  };
  auto jobs = std::views::iota(0, 100) | std::views::transform(job);
  const auto stats = co_await nats::publish(connection, jobs);
  std::cout << stats.published << " published, " << stats.duplicates << " were there already\n";
  co_await connection.close();
  // [fill]
}

awaitable<void> work(std::string url) {
  // [work]
  auto connection = co_await nats::connect({.servers = url});
  auto source = co_await nats::open_source(
      connection, {.stream = "images", .durable = "resizers", .lease = 30s, .until_empty = true});
  auto handler = [](nats::Message message) -> awaitable<void> {
    co_await resize_image(std::string(message.data()));
  };                                                       // acknowledged here, or tried again after an error
  auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const nats::ProcessOptions options{.max_deliveries = 3, .dead_letter = "images-dead", .retry_delay = 50ms};
    const auto stats = co_await nats::process(executor, source, handler, options);
    std::cout << stats.acknowledged << " done, " << stats.dead_lettered << " given up\n";
  };
  co_await coroexec::with_executor({.max_workers = 20}, body);
  co_await connection.close();
  // [work]
}

awaitable<void> read_dead_letters(std::string url) {
  // [dead]
  auto connection = co_await nats::connect({.servers = url});
  auto dead = co_await nats::open_source(connection, {.stream = "images-dead", .until_empty = true});
  while (auto message = co_await dead.next()) {            // any stream of the library reads a source, too
    std::cout << message->data() << ": " << message->header("Coroexec-Error").value_or("") << '\n';
    message->ack();
  }
  co_await connection.close();
  // [dead]
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string url = argc > 2 ? argv[1] : "", what = argc > 2 ? argv[2] : "";
  if (what == "fill") coroexec::run([&] { return fill(url); });
  else if (what == "work") coroexec::run([&] { return work(url); });
  else if (what == "dead") coroexec::run([&] { return read_dead_letters(url); });
  else std::cout << "usage: many_machines URL fill|work|dead\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
