// coroexec_faults: each scenario with each of its allocations failing in turn, and with the cancel, the
// stop or the end of its context at each of its steps.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

#include "run_point.hpp"

namespace coroexec::faults {
namespace {

char current[200];  // for the handler of a crash

void on_crash(int signal) {
  (void)!write(STDOUT_FILENO, current, std::strlen(current));
  const char* text = signal == SIGALRM ? ": hangs\n" : ": crashes\n";
  (void)!write(STDOUT_FILENO, text, std::strlen(text));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void handle_crashes(void (*handler)(int)) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGALRM, SIGBUS, SIGFPE}) std::signal(signal, handler);
}

struct Options {
  std::string only;       // scenarios whose names contain this
  std::string kind;
  std::string host;
  std::string point;
  bool isolate = false;
  bool verbose = false;
  int most_printed = 1;
};

class Faults {
 public:
  explicit Faults(const Options& options) : options_(options) {
    for (auto* list : {&scope_scenarios, &stream_scenarios, &operation_scenarios, &toolkit_scenarios})
      for (auto& scenario : list()) scenarios_.push_back(scenario);
  }

  int run_all() {
    warm_up();
    for (auto& scenario : scenarios_) {
      if (scenario.name.find(options_.only) == std::string_view::npos) continue;
      for (const Host host : {Host::scheduling, Host::plain}) {
        if (host == Host::plain && scenario.needs_scheduling) continue;
        if (to_string(host).find(options_.host) == std::string::npos) continue;
        for (const Kind kind : all_kinds)
          if (to_string(kind).find(options_.kind) != std::string::npos) run_kind(scenario, host, kind);
      }
      ++count_;
    }
    std::printf("%d scenarios;", count_);
    for (const Kind kind : all_kinds) std::printf(" %s %zu,", to_string(kind).c_str(), points_[kind]);
    std::printf(" %zu broken", broken_);
    for (auto& [why, count] : known_) std::printf(", %zu known: %s", count, std::string(why).c_str());
    std::printf("\n");
    if (options_.verbose)
      for (auto& [end, count] : ends_) std::printf("  %-30s %zu\n", end.c_str(), count);
    return broken_ > 0;
  }

  int run_one() {
    warm_up();
    auto parts = CLI::detail::split(options_.point, ':');
    for (auto& scenario : scenarios_)
      for (const Host host : {Host::scheduling, Host::plain})
        for (const Kind kind : all_kinds)
          if (parts.size() == 4 && parts[0] == scenario.name && parts[1] == to_string(host) && parts[2] == to_string(kind)) {
            const Point point{&scenario, host, kind, std::stoul(parts[3])};
            const auto result = run(point);
            std::printf("%s: %s, %zu points%s%s\n", point.name().c_str(), result.end.data(), result.points,
                        result.violation ? ": " : "", result.violation.value_or("").c_str());
            return result.violation.has_value();
          }
    std::printf("no such point: scenario:host:kind:n\n");
    return 2;
  }

 private:
  // What is made once and kept by the library, Asio and the runtime is made here.
  void warm_up() {
    for (auto& scenario : scenarios_) run({&scenario, Host::scheduling, Kind::pause, 0});
  }

  PointResult run(const Point& point) {
    std::snprintf(current, sizeof current, "%s", point.name().c_str());
    alarm(30);
    auto result = run_point(point);
    alarm(0);
    return result;
  }

  void run_kind(const Scenario& scenario, Host host, Kind kind) {
    const auto clean = run({&scenario, host, kind, 0});
    const Point nothing{&scenario, host, kind, 0};
    if (clean.violation) return print(nothing, *clean.violation);
    int printed = 0;
    for (std::size_t n = 1; n <= clean.points; ++n) {
      const Point point{&scenario, host, kind, n};
      ++points_[kind];
      const bool may_crash = options_.isolate || (kind == Kind::memory && !scenario.known.empty());
      const auto violation = may_crash ? run_isolated(point) : run_counted(point);
      if (!violation) continue;
      if (kind == Kind::memory && !scenario.known.empty()) {
        ++known_[scenario.known];
        continue;
      }
      ++broken_;
      if (printed++ < options_.most_printed) print(point, *violation);
    }
  }

  std::optional<std::string> run_counted(const Point& point) {
    const auto result = run(point);
    ++ends_[to_string(point.kind) + ": " + std::string(result.end.empty() ? "no end" : result.end)];
    return result.violation;
  }

  // In a process of its own: the others are looked at even if it crashes.
  std::optional<std::string> run_isolated(const Point& point) {
    std::fflush(stdout);
    int ends[2];
    if (pipe(ends) != 0) return "no pipe";
    const pid_t child = fork();
    if (child == 0) {
      handle_crashes(SIG_DFL);  // the parent tells
      const auto result = run(point);
      const auto text = result.violation.value_or("");
      (void)!write(ends[1], text.data(), text.size());
      _exit(result.violation.has_value());
    }
    close(ends[1]);
    char text[500] = {};
    const auto size = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) return std::string("killed by ") + strsignal(WTERMSIG(status));
    if (WEXITSTATUS(status) == 0) return std::nullopt;
    return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  }

  void print(const Point& point, const std::string& violation) {
    if (point.n == 0) ++broken_;
    std::printf("%s: %s\n", point.name().c_str(), violation.c_str());
    std::fflush(stdout);
  }

  const Options& options_;
  std::vector<Scenario> scenarios_;
  std::map<Kind, std::size_t> points_;
  std::map<std::string, std::size_t> ends_;
  std::map<std::string_view, std::size_t> known_;
  std::size_t broken_ = 0;
  int count_ = 0;
};

int main_of(int argc, char** argv) {
  CLI::App app("Makes everything go wrong once that can, at every point of every scenario", "coroexec_faults");
  Options options;
  app.add_option("--only", options.only, "Only scenarios whose names contain this");
  app.add_option("--kind", options.kind, "Only this: memory, cancel, pause, stop or destroy");
  app.add_option("--host", options.host, "Only on this: scheduling or plain");
  app.add_option("--point", options.point, "Only this one, as printed: scenario:host:kind:n");
  app.add_option("--print", options.most_printed, "How many broken points of a kind to print")->capture_default_str();
  app.add_flag("--isolate", options.isolate, "Each point in a process of its own, to go on after a crash");
  app.add_flag("--verbose", options.verbose, "Tell how the scenarios ended");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  handle_crashes(on_crash);
  Faults faults(options);
  return options.point.empty() ? faults.run_all() : faults.run_one();
}

}  // namespace
}  // namespace coroexec::faults

int main(int argc, char** argv) { return coroexec::faults::main_of(argc, argv); }
