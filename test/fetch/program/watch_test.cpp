// --trace and --metrics: looking at a run from outside.
#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <map>
#include <set>

#include "bad_server.hpp"
#include "program.hpp"

namespace fetch::test {
namespace {

namespace json = boost::json;

std::string list_of(const BadServer& server, const std::string& path, int count) {
  std::string list;
  for (int i = 0; i < count; ++i) list += server.url(path + "/" + std::to_string(i)) + "\n";
  return list;
}

TEST(WatchTest, TheTraceHasATrackAWorkerAndAFlowToEachJob) {
  BadServer server;
  const TempDir out;
  const Ended run = run_program({"--trace", out.file("trace.json"), "--concurrency", "4"},
                                list_of(server, "/ok", 20));
  EXPECT_EQ(run.status, 0) << run.errors;
  std::map<std::int64_t, std::string> names;  // of tracks
  std::map<std::string, json::object> fetches;
  std::set<std::string> jobs, from, to;
  const json::value trace = json::parse(read_file(out.file("trace.json")));
  for (const auto& event : trace.as_array()) {
    const auto phase = json::value_to<std::string>(event.at("ph"));
    const auto name = json::value_to<std::string>(event.at("name"));
    if (phase == "M" && name == "thread_name")
      names[event.at("tid").as_int64()] = json::value_to<std::string>(event.at("args").at("name"));
    if (phase == "X" && name.starts_with("http")) fetches[name] = event.as_object();
    if (phase == "X" && event.at("args").as_object().contains("of") && event.at("args").at("of").as_string() == "fetch" &&
        name.starts_with("job "))
      jobs.insert(std::to_string(event.at("args").at("scope").as_int64()) + "." +
                  std::to_string(event.at("args").at("id").as_int64()));
    if (phase == "s") from.insert(json::value_to<std::string>(event.at("id")));
    if (phase == "f") to.insert(json::value_to<std::string>(event.at("id")));
  }
  ASSERT_EQ(fetches.size(), 20u);
  const auto& fetch = fetches.at(server.url("/ok/7"));
  EXPECT_EQ(fetch.at("args").at("line").as_int64(), 8);
  EXPECT_EQ(fetch.at("args").at("status").as_int64(), 200);
  EXPECT_EQ(fetch.at("args").at("outcome").as_string(), "ok");
  std::set<std::int64_t> tracks;
  for (const auto& [url, event] : fetches) tracks.insert(event.at("tid").as_int64());
  EXPECT_LE(tracks.size(), 4u);
  for (const auto track : tracks) EXPECT_EQ(names[track], "worker " + std::to_string(track));
  EXPECT_EQ(jobs.size(), 20u);
  EXPECT_EQ(from, to);
  for (const auto& job : jobs) EXPECT_TRUE(to.contains(job)) << job;
}

TEST(WatchTest, ATraceThatCannotBeWrittenCostsNoResult) {
  BadServer server;
  const Ended run = run_program({"--trace", "/dev/full", "--concurrency", "3"}, list_of(server, "/ok", 100));
  EXPECT_EQ(run.status, 2);
  EXPECT_EQ(run.results.size(), 100u);
  for (const auto& [line, result] : run.results) EXPECT_EQ(result.kind, "") << line;
  EXPECT_NE(run.errors.find("cannot write the trace to /dev/full: No space left on device"), std::string::npos)
      << run.errors;
}

// An answer, header and all.
std::string get(std::uint16_t port, const std::string& request) {
  asio::io_context context(1);
  asio::ip::tcp::socket socket(context);
  socket.connect({asio::ip::address_v4::loopback(), port});
  asio::write(socket, asio::buffer(request + " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  std::string answer;
  boost::system::error_code end;
  asio::read(socket, asio::dynamic_buffer(answer), end);
  return answer;
}

TEST(WatchTest, MetricsAreServedDuringTheRun) {
  BadServer server;
  const std::string text = "metrics are at http://127.0.0.1:";
  Program program({"--metrics", "0", "--concurrency", "3"},
                  list_of(server, "/ok", 10) + list_of(server, "/hold", 5));
  program.wait_for_error("/metrics");
  server.wait_for_requests(13);
  const std::string errors = program.errors();
  const auto port = static_cast<std::uint16_t>(std::stoi(errors.substr(errors.find(text) + text.size())));

  const std::string answer = get(port, "GET /metrics");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
            answer.npos)
      << answer;
  EXPECT_TRUE(answer.ends_with("\n# EOF\n")) << answer;
  const auto has = [&](const std::string& line) { return answer.find("\n" + line + "\n") != answer.npos; };
  EXPECT_TRUE(has(R"(coroexec_jobs_active{kind="pool",scope="fetch"} 3)")) << answer;
  EXPECT_TRUE(has(R"(coroexec_jobs_total{kind="pool",scope="fetch",state="succeeded"} 10)")) << answer;
  EXPECT_TRUE(has("coroexec_job_running_seconds_count 10")) << answer;
  EXPECT_TRUE(get(port, "GET /").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(get(port, "DELETE /metrics").starts_with("HTTP/1.1 405 "));

  server.release();
  const Ended run = program.finish();
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_EQ(run.results.size(), 15u);
}

}  // namespace
}  // namespace fetch::test
