// The command line, read by CLI11.
#include "options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace fetch {
namespace {

constexpr const char* description =
    "Fetches every URL of a list with bounded concurrency: one JSON line a result on standard "
    "output,\n"
    "a summary on standard error. Without LIST it fetches from a small server of its own, to show "
    "itself.\n";

constexpr const char* footer =
    "\nLIST has one http or https URL a line; blank lines and lines that start with # are "
    "skipped.\n"
    "TIME is in seconds, or has a unit: 250ms, 2s, 1m. SIZE is in bytes, or has one: 64K, 10M, "
    "1G.\n"
    "\nOn many machines: coroexec-fetch enqueue --help, coroexec-fetch work --help.\n"
    "\nCtrl-C stops taking in and lets what runs finish for --grace; a second one cancels it.\n"
    "Exit status: 0 every URL was fetched, 1 some failed, 2 it could not do its work (wrong\n"
    "options, unreadable list, results that cannot be written), 130 interrupted.\n"
    "\nExamples:\n"
    "  coroexec-fetch urls.txt > results.jsonl\n"
    "  coroexec-fetch --concurrency 1000 --per-host 8 --output-dir pages urls.txt > results.jsonl\n"
    "  generate-urls | coroexec-fetch --rate 50 --burst 5 -\n";

constexpr const char* enqueue_description =
    "Puts every URL of a list into a work queue of NATS JetStream, from which any number of\n"
    "`coroexec-fetch work` take. The queue is made if there is none. A line that is queued already, because\n"
    "this has been run before, is not queued twice.\n";

constexpr const char* work_description =
    "Fetches what a work queue of NATS JetStream has, until Ctrl-C: one JSON line a result on standard\n"
    "output, or as a message of --results. A URL leaves the queue when its result has been written; it may\n"
    "be fetched twice, after a crash, say.\n";

const std::map<std::string, double> time_units = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
// Integers: CLI11 would round a double to six digits.
const std::map<std::string, std::int64_t> size_units = {
    {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};

class Refused : public std::runtime_error {
  using runtime_error::runtime_error;
};

void require(bool condition, const std::string& sentence) {
  if (!condition) throw Refused(sentence);
}

// Read as signed: some versions of CLI11 take -1 for a large unsigned number.
template <class T>
void to_count(std::int64_t value, const char* name, std::int64_t least, std::int64_t most,
              T& result) {
  require(
      value >= least && value <= most,
      std::string(name) + " must be from " + std::to_string(least) + " to " + std::to_string(most));
  result = static_cast<T>(value);
}

std::chrono::nanoseconds to_duration(double seconds, const char* option, bool zero_allowed) {
  constexpr double longest = 1e6;
  require(zero_allowed ? seconds >= 0 : seconds > 0,
          std::string(option) + (zero_allowed ? " must not be negative" : " must be more than 0"));
  require(seconds <= longest, std::string(option) + " must be at most 1000000 seconds");
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

HeaderField to_header(const std::string& text) {
  constexpr std::string_view token =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const auto colon = text.find(':');
  const std::string problem = "--header \"" + text + "\" is not of the form 'Name: value'";
  require(colon != 0 && colon != text.npos && text.find_first_not_of(token) == colon, problem);
  const auto value = std::min(text.find_first_not_of(" \t", colon + 1), text.size());
  // A line break in a value would let it write further fields.
  require(std::ranges::none_of(text,
                               [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; }),
          "--header \"" + text.substr(0, colon) + "\" has a control character in its value");
  return {text.substr(0, colon), text.substr(value)};
}

// One sentence without the line breaks and the trailing full stop that some of CLI11's texts have.
std::string one_sentence(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return "coroexec-fetch: " + text + " (--help lists the options)\n";
}

#ifdef COROEXEC_FETCH_WITH_NATS
constexpr bool with_nats = true;
#else
constexpr bool with_nats = false;
#endif

Command command_of(int argc, const char* const* argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first != "enqueue" && first != "work") return Command::fetch;
  require(with_nats, "it was built without NATS, which " + std::string(first) + " needs");
  return first == "work" ? Command::work : Command::enqueue;
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  Options options;
  std::int64_t concurrency = 100, per_host = 0, burst = 1, retries = 2, max_redirects = 10,
               max_body = 100 << 20;
  double timeout = 30, connect_timeout = 10, grace = 5, retry_delay = 0.25;
  std::vector<std::string> headers;
  std::int64_t metrics = 0;
  bool no_progress = false;
  std::int64_t replicas = 1, max_deliveries = 5, prefetch = 4;
  double lease = 60;

  try {
    options.command = command_of(argc, argv);
  } catch (const Refused& error) {
    return {std::nullopt, 2, one_sentence(error.what())};
  }
  const bool enqueues = options.command == Command::enqueue, works = options.command == Command::work;
  CLI::App app(enqueues ? enqueue_description : works ? work_description : description,
               enqueues ? "coroexec-fetch enqueue" : works ? "coroexec-fetch work" : "coroexec-fetch");
  if (!enqueues && !works) app.footer(footer);
  const auto option = [&app](const char* names, auto& value, const char* type, const char* help) {
    return app.add_option(names, value, help)->type_name(type);
  };
  const auto number = [&option](const char* names, auto& value, const char* help) {
    option(names, value, "N", help)->capture_default_str();
  };
  const auto with_unit = [&option](const char* name, auto& value, const char* type,
                                   const auto& units, const char* standard, const char* help) {
    CLI::AsNumberWithUnit transformer(units);
    transformer.description("");  // TIME and SIZE are explained below the options
    option(name, value, type, help)->transform(transformer)->default_str(standard);
  };
  if (!works) option("LIST", options.list, "", "file with one URL a line; - is standard input")->required(enqueues);
  auto& queue = options.queue;
  CLI::Option* metrics_option = nullptr;
  if (enqueues || works) {
    option("--queue", queue.url, "URL", "servers, separated by commas: nats://user:password@host:4222")->required();
    option("--stream", queue.stream, "NAME", "the queue's name")->required();
    option("--queue-creds", queue.credentials, "FILE", "the user's credentials (.creds)");
    option("--queue-ca", queue.ca, "FILE", "authorities to trust for TLS to the servers");
    option("--queue-cert", queue.certificate, "FILE", "certificate of our own for TLS to the servers");
    option("--queue-key", queue.key, "FILE", "its key");
  }
  if (enqueues) {
    option("--subject", queue.subject, "NAME", "to publish to; by default the first that the queue takes");
    number("--replicas", replicas, "servers of a cluster that keep a queue that is made: 1, 3 or 5");
  }
  if (works) {
    option("--durable", queue.durable, "NAME", "what all workers share")->required();
    option("--results", queue.results, "SUBJECT", "publish results there in place of writing them");
    number("--prefetch", prefetch, "URLs to hold beside those that are being fetched");
    with_unit("--lease", lease, "TIME", time_units, "60s",
              "how long the queue waits for a worker that is silent; for the first that names --durable");
    option("--dead-letter", queue.dead_letter, "SUBJECT",
           "a URL that fails is tried again, and published there when it has failed --max-deliveries times");
    number("--max-deliveries", max_deliveries, "see --dead-letter");
    app.add_flag("--until-empty", queue.until_empty, "end when the queue is empty");
  }
  if (!enqueues) {
    number("-c,--concurrency", concurrency, "fetches that run at once");
    if (!works) number("--per-host", per_host, "fetches that run at once for one listed host; 0: no limit");
    number("--rate", options.rate, "fetches started per second; 0: no limit");
    number("--burst", burst, "fetches that --rate lets start at once after a pause");
    with_unit("--timeout", timeout, "TIME", time_units, "30s",
              "for one URL with redirects and retries");
    with_unit("--connect-timeout", connect_timeout, "TIME", time_units, "10s",
              "for one connection: name lookup, TCP and TLS");
    number("--retries", retries, "more attempts after a connection error, 429 or 5xx");
    with_unit("--retry-delay", retry_delay, "TIME", time_units, "250ms",
              "before the first retry; doubles with each, at random up to half more");
    number("--max-redirects", max_redirects, "redirects to follow for one URL");
    with_unit("--max-body", max_body, "SIZE", size_units, "100M",
              "limit of a body, as sent and as decompressed");
    option("-H,--header", headers, "'Name: value'",
           "field to send with each request, but not to other hosts after a redirect")
        ->allow_extra_args(false);
    option("--cacert", options.cacert, "FILE", "authorities to trust instead of the system's");
    app.add_flag("--insecure", options.insecure, "accept any certificate");
    option("-o,--output-dir", options.output_dir, "DIR",
           "for the bodies, named by line number; without it they are discarded");
    option("--trace", options.trace, "FILE",
           "write a time line of all fetches for chrome://tracing or ui.perfetto.dev");
    metrics_option = option("--metrics", metrics, "PORT",
           "serve counts and times for Prometheus at http://127.0.0.1:PORT/metrics; 0: any free port");
    with_unit("--grace", grace, "TIME", time_units, "5s",
              "what runs may take to finish after Ctrl-C");
    if (!works)
      app.add_flag("--no-progress", no_progress,
                   "no progress bar; there is none anyway unless standard error is a terminal");
  }

  try {
    const int skip = enqueues || works ? 1 : 0;
    app.parse(argc - skip, argv + skip);
    to_count(replicas, "--replicas", 1, 5, queue.replicas);
    to_count(max_deliveries, "--max-deliveries", 1, 1'000'000, queue.max_deliveries);
    to_count(prefetch, "--prefetch", 0, 1'000'000, queue.prefetch);
    queue.lease = to_duration(lease, "--lease", false);
    to_count(concurrency, "--concurrency", 1, 1'000'000, options.concurrency);
    to_count(per_host, "--per-host", 0, 1'000'000, options.per_host);
    to_count(burst, "--burst", 1, 1'000'000, options.burst);
    to_count(retries, "--retries", 0, 100, options.retries);
    to_count(max_redirects, "--max-redirects", 0, 100, options.max_redirects);
    require(std::isfinite(options.rate) && options.rate >= 0, "--rate must not be negative");
    to_count(max_body, "--max-body", 1, std::int64_t{1} << 50, options.max_body);
    if (metrics_option && metrics_option->count() > 0) to_count(metrics, "--metrics", 0, 65535, options.metrics.emplace());
    require(!options.insecure || options.cacert.empty(),
            "--insecure and --cacert exclude each other");
    require(works || app.count("LIST") == 0 || !options.list.empty(), "LIST must not be empty");
    options.timeout = to_duration(timeout, "--timeout", false);
    options.connect_timeout = to_duration(connect_timeout, "--connect-timeout", false);
    options.grace = to_duration(grace, "--grace", true);
    options.retry_delay = to_duration(retry_delay, "--retry-delay", true);
    for (const auto& header : headers) options.headers.push_back(to_header(header));
    options.progress = !no_progress;
    return {std::move(options), 0, {}};
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, 0, app.help()};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, 2, one_sentence(error.what())};
  } catch (const Refused& error) {
    return {std::nullopt, 2, one_sentence(error.what())};
  }
}

}  // namespace fetch
