// The command line: the arguments end with zero bytes.
#include "options.hpp"

#include <algorithm>
#include <cmath>

#include "fuzz.hpp"

namespace coroexec::fuzz {
namespace {

using std::chrono::seconds;

void check(const fetch::Options& options) {
  const auto within = [](auto value, auto least, auto most, const char* name) {
    require(value >= least && value <= most, std::string(name) + " is out of its range");
  };
  within(options.concurrency, 1u, 1'000'000u, "concurrency");
  within(options.per_host, 0u, 1'000'000u, "per_host");
  within(options.burst, 1u, 1'000'000u, "burst");
  within(options.retries, 0u, 100u, "retries");
  within(options.max_redirects, 0u, 100u, "max_redirects");
  within(options.max_body, 1u, std::uint64_t{1} << 50, "max_body");
  within(options.timeout, std::chrono::nanoseconds(0), seconds(1'000'000), "timeout");
  within(options.connect_timeout, std::chrono::nanoseconds(0), seconds(1'000'000),
         "connect_timeout");
  within(options.grace, seconds(0), seconds(1'000'000), "grace");
  within(options.retry_delay, seconds(0), seconds(1'000'000), "retry_delay");
  require(std::isfinite(options.rate) && options.rate >= 0, "a rate that is none");
  require(!options.insecure || options.cacert.empty(), "two options that exclude each other");
  for (const auto& field : options.headers) {
    require(!field.name.empty() && field.name.find_first_of(": \t\r\n") == field.name.npos,
            "a field's name that is none");
    require(field.value.find_first_of("\r\n") == field.value.npos,
            "a field's value with a line break");
  }
}

void run(Bytes bytes) {
  std::vector<std::string> arguments{"coroexec-fetch"};
  for (Reader reader(bytes); !reader.empty();) arguments.emplace_back(reader.until('\0'));
  std::vector<const char*> argv;
  for (const auto& argument : arguments) argv.push_back(argument.c_str());

  const auto line = fetch::parse_command_line(static_cast<int>(argv.size()), argv.data());
  if (line.options) {
    require(line.status == 0 && line.text.empty(), "options, and something to print instead");
    check(*line.options);
  } else if (line.status == 0) {
    require(line.text.find("Exit status") != line.text.npos,
            "neither options nor an error nor the help");
  } else {
    require(line.status == 2, "a wrong command line ends with another status");
    require(line.text.starts_with("coroexec-fetch: ") && line.text.ends_with("\n"),
            "not a sentence: " + line.text);
    require(std::ranges::count(line.text, '\n') == 1, "more than one line: " + line.text);
  }
}

const Target target("options", run);

}  // namespace
}  // namespace coroexec::fuzz
