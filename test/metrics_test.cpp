// open_metrics(): text that follows OpenMetrics' grammar, with the right numbers in it.
#include "coroexec/metrics.hpp"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <sstream>
#include <string>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"

namespace coroexec::test {
namespace {

using std::chrono::seconds;

struct Parsed {
  std::map<std::string, std::string> types;     // by family
  std::map<std::string, double> samples;        // by name and labels, as written
};

// A family's lines stand together, its description first; the text ends with # EOF and a line break.
Parsed parse(const std::string& text) {
  static const std::regex described("# (TYPE|HELP|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)");
  static const std::regex sample(
      "([a-zA-Z_:][a-zA-Z0-9_:]*)"
      "(\\{[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\n]|\\\\[\"\\\\n])*\"(?:,[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\n]|\\\\[\"\\\\n])*\")*\\})?"
      " ([0-9]+(?:\\.[0-9]+)?(?:e[-+][0-9]+)?)");
  Parsed parsed;
  std::istringstream lines(text);
  std::string line, family;
  std::smatch part;
  bool ended = false;
  while (std::getline(lines, line)) {
    EXPECT_FALSE(ended) << "after the end: " << line;
    if (line == "# EOF") {
      ended = true;
    } else if (std::regex_match(line, part, described)) {
      if (part[1] == "TYPE") {
        family = part[2];
        EXPECT_TRUE(parsed.types.emplace(family, part[3]).second) << family << " comes twice";
      }
      EXPECT_EQ(part[2], family);
      if (part[1] == "UNIT") {
        EXPECT_TRUE(family.ends_with("_" + part[3].str())) << line;
      }
    } else if (std::regex_match(line, part, sample)) {
      const std::string name = part[1], type = parsed.types[family];
      const std::string suffix = name.starts_with(family) ? name.substr(family.size()) : "?";
      const bool fits = type == "gauge"     ? suffix.empty()
                        : type == "counter" ? suffix == "_total"
                                            : suffix == "_bucket" || suffix == "_count" || suffix == "_sum";
      EXPECT_TRUE(fits) << line << " in the " << type << " " << family;
      EXPECT_TRUE(parsed.samples.emplace(name + part[2].str(), std::stod(part[3])).second) << line << " comes twice";
    } else {
      ADD_FAILURE() << "not in the grammar: " << line;
    }
  }
  EXPECT_TRUE(ended && text.ends_with("# EOF\n"));
  return parsed;
}

Parsed scrape(const asio::any_io_executor& executor, const JobTimes* times = nullptr) {
  std::ostringstream out;
  open_metrics(out, executor, times);
  return parse(out.str());
}

CORO_TEST_VIRTUAL(OpenMetrics, counts_what_each_kind_and_name_of_scope_does) {
  const auto times = std::make_shared<JobTimes>();
  observe(home, times);
  const auto job = [](int n) -> awaitable<void> {
    co_await sleep_for(seconds(n));
    if (n == 3) throw std::runtime_error("three");
  };
  AioPool pool(home, PoolOptions{.size = 2, .threading = Threading::single, .name = "a \"b\"\\\n"});
  for (int n = 1; n <= 4; ++n) pool.spawn_n([job, n] { return job(n); });
  pool.spawn_n([job] { return job(9); }).cancel();
  co_await sleep_for(milliseconds(3500));  // 1, 2 have ended; 3, 4 run
  auto found = scrape(home, times.get());
  const std::string label = R"(kind="pool",scope="a \"b\"\\\n")";
  EXPECT_EQ(found.samples.at("coroexec_scopes{" + label + "}"), 1);
  EXPECT_EQ(found.samples.at("coroexec_jobs_active{" + label + "}"), 2);
  EXPECT_EQ(found.samples.at("coroexec_jobs_queued{" + label + "}"), 0);
  EXPECT_EQ(found.samples.at("coroexec_jobs_total{" + label + ",state=\"succeeded\"}"), 2);
  EXPECT_EQ(found.samples.at("coroexec_jobs_total{" + label + ",state=\"cancelled\"}"), 1);
  co_await pool.join();
  found = scrape(home, times.get());
  EXPECT_EQ(found.samples.at("coroexec_jobs_total{" + label + ",state=\"failed\"}"), 1);
  EXPECT_EQ(found.types.at("coroexec_job_running_seconds"), "histogram");
  EXPECT_EQ(found.samples.at("coroexec_job_running_seconds_sum"), 10);
  EXPECT_EQ(found.samples.at("coroexec_job_running_seconds_count"), 4);
  EXPECT_EQ(found.samples.at("coroexec_job_running_seconds_bucket{le=\"0.5\"}"), 0);
  EXPECT_EQ(found.samples.at("coroexec_job_running_seconds_bucket{le=\"2.5\"}"), 2);
  EXPECT_EQ(found.samples.at("coroexec_job_running_seconds_bucket{le=\"5.0\"}"), 4);
  EXPECT_EQ(found.samples.at("coroexec_job_running_seconds_bucket{le=\"+Inf\"}"), 4);
  EXPECT_EQ(found.samples.at("coroexec_job_waiting_seconds_sum"), 0 + 0 + 1 + 2);
}

// A counter must not fall when its scope goes.
CORO_TEST(OpenMetrics, keep_the_jobs_of_scopes_that_have_gone) {
  observe(home, std::make_shared<Observer>());
  const auto job = []() -> awaitable<void> { co_return; };
  for (int i = 0; i < 3; ++i) {
    CoroutineExecutor executor(home, options({.name = "gone"}));
    executor.submit_nowait(job);
    co_await executor.join();
  }
  for (int i = 0; i < 300; ++i) {
    const std::string name = "n" + std::to_string(i);
    CoroutineExecutor executor(home, options({.name = name}));
    executor.submit_nowait(job);
    co_await executor.join();
  }
  const auto found = scrape(home);
  EXPECT_EQ(found.samples.at("coroexec_jobs_total{kind=\"executor\",scope=\"gone\",state=\"succeeded\"}"), 3);
  double all = 0;
  std::size_t names = 0;
  for (auto& [sample, value] : found.samples)
    if (sample.starts_with("coroexec_jobs_total{kind=\"executor\"")) all += value, ++names;
  EXPECT_EQ(all, 303);
  EXPECT_LE(names, 3 * 102u);
}

CORO_TEST(OpenMetrics, write_names_as_utf_8) {
  CoroutineExecutor executor(home, options({.name = "a\xff\xc3\xa9"}));
  const auto found = scrape(home);
  EXPECT_EQ(found.samples.count("coroexec_scopes{kind=\"executor\",scope=\"a\xef\xbf\xbd\xc3\xa9\"}"), 1u);
  co_return;
}

// It would have to fall with them.
CORO_TEST(OpenMetrics, do_not_count_the_jobs_of_scopes_without_an_observer) {
  CoroutineExecutor executor(home, options({.name = "unseen"}));
  const auto job = []() -> awaitable<void> { co_return; };
  executor.submit_nowait(job);
  co_await executor.join();
  EXPECT_EQ(scrape(home).samples.at("coroexec_jobs_total{kind=\"executor\",scope=\"unseen\",state=\"succeeded\"}"), 0);
}

TEST(OpenMetrics, AreValidWithoutAnyScope) {
  asio::io_context context(1);
  EXPECT_TRUE(scrape(context.get_executor()).samples.empty());
}

}  // namespace
}  // namespace coroexec::test
