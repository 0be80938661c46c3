// coroexec-fetch: fetches every URL of a list with bounded concurrency.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "crawl.hpp"
#include "demo_server.hpp"
#include "interrupt.hpp"
#include "process.hpp"
#include "queue.hpp"
#include "watch.hpp"

namespace fetch {
namespace {

constexpr int exit_some_failed = 1;
constexpr int exit_could_not_work = 2;

void say(const std::string& text) { std::cerr << "coroexec-fetch: " << text << '\n'; }

void check_limits(const Options& options) {
  constexpr std::size_t others =
      64;  // standard streams, epoll, timers, list, trace, the libraries' own
  const std::size_t per_job = options.output_dir.empty() ? 1 : 2;
  const std::size_t limit = raise_open_files_limit();
  if (limit < others || options.concurrency > (limit - others) / per_job) {
    throw std::runtime_error("--concurrency " + std::to_string(options.concurrency) + " needs " +
                             std::to_string(options.concurrency * per_job + others) +
                             " open files, and the limit is " + std::to_string(limit) +
                             " (ulimit -Hn)");
  }
}

void make_output_dir(const std::string& dir) {
  if (dir.empty()) return;
  if (::mkdir(dir.c_str(), 0777) != 0 && errno != EEXIST)
    throw std::system_error(errno, std::generic_category(), "cannot create " + dir);
  if (::access(dir.c_str(), W_OK | X_OK) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot write to " + dir);
}

// The demonstration's list takes the road of any list: a file, one without a name.
std::unique_ptr<LineSource> open_lines(asio::any_io_executor executor, const Options& options,
                                       std::optional<DemoServer>& demo) {
  if (!options.demo()) return std::make_unique<LineSource>(executor, options.list);
  constexpr std::size_t pages = 2000;
  demo.emplace();
  say("no LIST given, so this is a demonstration: " + grouped(pages) +
      " pages from a server of its own at " + demo->address() + " (--help tells more)");
  std::FILE* file = std::tmpfile();
  if (!file)
    throw std::system_error(errno, std::generic_category(), "cannot create a temporary file");
  const std::string list = demo->url_list(pages);
  std::fwrite(list.data(), 1, list.size(), file);
  std::rewind(file);
  const int fd = ::dup(::fileno(file));
  std::fclose(file);
  return std::make_unique<LineSource>(executor, fd, "the demonstration's list");
}

asio::awaitable<int> fetch_all(const Options& options) {
  const auto executor = co_await asio::this_coro::executor;
  Watch watch(executor, options);
  const bool terminal_out = ::isatty(STDOUT_FILENO) != 0;
  const bool terminal_err = ::isatty(STDERR_FILENO) != 0;

  std::optional<DemoServer> demo;
  const auto lines = open_lines(executor, options, demo);
  UrlSource source(executor, *lines, options.per_host, options.concurrency);
  Fetcher fetcher(executor, options);
  // Two thousand lines of JSON would hide the demonstration.
  Reporter reporter(executor, options.demo() && terminal_out ? -1 : STDOUT_FILENO);
  Crawl crawl(options, source, fetcher, reporter, watch.trace ? &*watch.trace : nullptr);
  Summary& summary = reporter.summary();

  std::optional<ProgressBar> bar;
  if (options.progress && terminal_err) {
    bar.emplace(executor, STDERR_FILENO, [&] {
      const auto done = summary.total();
      return Progress{source.fraction(done), done, summary.failed(), crawl.running()};
    });
    if (terminal_out) reporter.share_terminal(&*bar);
  }
  const auto tell = [&bar](const std::string& text) {
    if (bar) bar->clear();
    say(text);
  };
  Interrupt::Actions actions;
  actions.stop = [&] {
    tell("interrupted; fetches that still run: " + grouped(crawl.running()) +
         ", Ctrl-C again cancels them");
    crawl.stop();
  };
  actions.cancel = [&] {
    if (crawl.running() != 0) tell("cancelling " + grouped(crawl.running()));
    crawl.cancel();
  };
  Interrupt interrupt(executor, options.grace, std::move(actions));

  const auto began = std::chrono::steady_clock::now();
  std::exception_ptr broken;
  try {
    co_await crawl.run();
    if (watch.trace) watch.trace->close();
  } catch (...) {
    broken = std::current_exception();
  }
  bar.reset();
  summary.retries = fetcher.retries();
  summary.connections = fetcher.connections().made();
  summary.connections_reused = fetcher.connections().reused();
  std::cerr << summary.text(std::chrono::steady_clock::now() - began);
  if (broken) std::rethrow_exception(broken);

  const int signal = interrupt.signal();
  const int status = signal != 0             ? 128 + signal
                     : summary.failed() != 0 ? exit_some_failed
                                             : EXIT_SUCCESS;
  // A name lookup cannot be interrupted, and nobody wants to wait for one now.
  if (fetcher.resolver().busy()) std::_Exit(status);
  co_return status;
}

asio::awaitable<int> run_command(const Options& options) {
#ifdef COROEXEC_FETCH_WITH_NATS
  if (options.command == Command::enqueue) return enqueue(options);
  if (options.command == Command::work) return work(options);
#endif
  return fetch_all(options);
}

int run(const Options& options) {
  ignore_broken_pipes();
  check_standard_descriptors();
  check_limits(options);
  make_output_dir(options.output_dir);
  asio::io_context context(1);
  int status = exit_could_not_work;
  asio::co_spawn(context, run_command(options), [&status](std::exception_ptr error, int result) {
    if (error) std::rethrow_exception(error);
    status = result;
  });
  context.run();
  return status;
}

}  // namespace
}  // namespace fetch

int main(int argc, char** argv) try {
  const fetch::CommandLine command_line = fetch::parse_command_line(argc, argv);
  if (!command_line.options) {
    (command_line.status == 0 ? std::cout : std::cerr) << command_line.text;
    return command_line.status;
  }
  return fetch::run(*command_line.options);
} catch (const std::exception& error) {
  fetch::say(error.what());
  return fetch::exit_could_not_work;
}
