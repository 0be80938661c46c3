// What the command line asks for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fetch {

struct HeaderField {
  std::string name;
  std::string value;
};

// A work queue that several machines take from: the commands enqueue and work.
struct QueueOptions {
  std::string url;
  std::string stream;
  std::string subject;  // for enqueue; empty: the stream's first
  std::size_t replicas = 1;
  std::string durable;
  std::string results;  // subject; empty: standard output
  std::string dead_letter;
  std::size_t max_deliveries = 5;
  std::size_t prefetch = 4;
  std::chrono::nanoseconds lease = std::chrono::seconds(60);
  bool until_empty = false;
  std::string credentials, ca, certificate, key;
};

enum class Command { fetch, enqueue, work };

struct Options {
  Command command = Command::fetch;
  QueueOptions queue;
  std::string list;  // file name, "-" for standard input, empty for the demonstration
  std::size_t concurrency = 100;
  std::size_t per_host = 0;  // 0: no limit
  double rate = 0;           // starts per second; 0: no limit
  std::size_t burst = 1;
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(10);
  std::chrono::nanoseconds grace = std::chrono::seconds(5);
  std::chrono::nanoseconds retry_delay = std::chrono::milliseconds(250);
  unsigned retries = 2;
  unsigned max_redirects = 10;
  std::uint64_t max_body = 100 * 1024 * 1024;
  std::vector<HeaderField> headers;
  std::string cacert;  // empty: the system's authorities
  bool insecure = false;
  std::string output_dir;  // empty: bodies are discarded
  std::string trace;       // empty: none
  std::optional<std::uint16_t> metrics;  // port on loopback; 0: any that is free
  bool progress = true;

  bool demo() const { return list.empty(); }
};

// Either options to run with, or what to print and the exit status to end with.
struct CommandLine {
  std::optional<Options> options;
  int status = 0;
  std::string text;  // help for standard output (status 0), or one sentence for standard error
};

CommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace fetch
