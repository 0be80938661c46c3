#include "coroexec/metrics.hpp"

#include <charconv>
#include <cmath>
#include <map>
#include <ostream>
#include <string>
#include <utility>

#include "coroexec/detail/engine.hpp"
#include "utf8.hpp"

namespace coroexec::detail {
namespace {

struct Sums {
  std::uint64_t scopes = 0, waiting = 0, queued = 0, active = 0;
  EndedJobs ended;
};

// Kind and name.
using Label = std::pair<std::string, std::string>;

std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    if (c == '\\' || c == '"') result += '\\';
    if (c == '\n') result += "\\n";
    else if (length == 0) result += "\xef\xbf\xbd";  // the replacement character
    else result += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

std::string labels(const Label& label, std::string_view more = "") {
  return "{kind=\"" + escaped(label.first) + "\",scope=\"" + escaped(label.second) + "\"" +
         std::string(more) + "} ";
}

void family(std::ostream& out, const std::string& name, const char* type, const char* help,
            const char* unit = "") {
  out << "# TYPE " << name << ' ' << type << '\n';
  if (*unit) out << "# UNIT " << name << ' ' << unit << '\n';
  out << "# HELP " << name << ' ' << help << '\n';
}

// Not by the stream, which would write as its locale has it.
std::string number(std::uint64_t value) { return std::to_string(value); }

// The shortest digits that say it, with a point, as the bounds of buckets have to be written.
std::string number(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 9);
  std::string result(text, end.ptr);
  if (result.find_first_of(".en") == result.npos) result += ".0";
  return result;
}

void histogram(std::ostream& out, const std::string& name, const char* help,
               const DurationHistogram& times) {
  family(out, name, "histogram", help, "seconds");
  constexpr int first = -5, last = 2;  // powers of ten
  for (int power = first; power <= last; ++power) {
    for (const double step : {1.0, 2.5, 5.0}) {
      const double bound = step * std::pow(10, power);
      const DurationHistogram::duration edge(std::llround(bound * 1e9));
      out << name << "_bucket{le=\"" << number(bound) << "\"} " << number(times.count_up_to(edge)) << '\n';
    }
  }
  out << name << "_bucket{le=\"+Inf\"} " << number(times.count()) << '\n';
  out << name << "_count " << number(times.count()) << '\n';
  out << name << "_sum " << number(std::chrono::duration<double>(times.sum()).count()) << '\n';
}

}  // namespace

void write_open_metrics(std::ostream& out, ContextService& service, const JobTimes* times) {
  std::map<Label, Sums> scopes;
  auto [engines, ended] = service.engines_and_ended();
  for (auto& [label, jobs] : ended) scopes[label].ended += jobs;
  for (auto& engine : engines) {
    if (engine->gates()) continue;  // these execute as other jobs
    const Stats stats = engine->stats();
    auto& sums = scopes[{std::string(engine->kind()), engine->scope_name()}];
    ++sums.scopes;
    sums.waiting += stats.waiting;
    sums.queued += stats.queued;
    sums.active += stats.active;
    // Those of the others are forgotten with their scope, and a counter must not fall.
    if (engine->is_observed()) sums.ended += EndedJobs{stats.succeeded, stats.failed, stats.cancelled};
  }

  const auto gauge = [&](const char* name, const char* help, std::uint64_t Sums::*value) {
    family(out, name, "gauge", help);
    for (auto& [label, sums] : scopes) out << name << labels(label) << number(sums.*value) << '\n';
  };
  gauge("coroexec_scopes", "Scopes that are there.", &Sums::scopes);
  gauge("coroexec_jobs_waiting", "Callers that wait for room for a job.", &Sums::waiting);
  gauge("coroexec_jobs_queued", "Jobs that have been accepted and not started.", &Sums::queued);
  gauge("coroexec_jobs_active", "Jobs that run.", &Sums::active);
  family(out, "coroexec_jobs", "counter", "Jobs that have ended.");
  for (auto& [label, sums] : scopes) {
    const auto line = [&, &l = label](const char* state, std::uint64_t count) {
      out << "coroexec_jobs_total" << labels(l, std::string(",state=\"") + state + "\"") << number(count)
          << '\n';
    };
    line("succeeded", sums.ended.succeeded);
    line("failed", sums.ended.failed);
    line("cancelled", sums.ended.cancelled);
  }
  if (times) {
    histogram(out, "coroexec_job_waiting_seconds", "Time from a job's acceptance to its start.",
              times->waiting());
    histogram(out, "coroexec_job_running_seconds", "Time from a job's start to its end.",
              times->running());
  }
  out << "# EOF\n";
}

}  // namespace coroexec::detail
