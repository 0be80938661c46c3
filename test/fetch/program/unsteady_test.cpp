// A server that comes and goes: nginx is killed and started again, paused, and refuses what is too
// much, at moments that a seed chooses, while a list without end is fetched. Every line has one
// result, which is one that can be. It takes 2 seconds or COROEXEC_FETCH_SECONDS, half an hour in
// `ctest -C Load -R unsteady`; COROEXEC_FETCH_SEED gives the seed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "instrumented.hpp"
#include "nginx.hpp"
#include "process.hpp"
#include "program.hpp"
#include "summary.hpp"

namespace fetch::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t concurrency = 100;
constexpr milliseconds timeout{500};

// What lines ask for and a server that is there answers; one that is not has errors of its own.
struct Way {
  std::string url;         // if it ends with a slash the line's number follows
  int percent;             // of the lines
  std::int64_t status;     // 0: not even sent
  std::string kind;        // of the error; empty: none
  std::int64_t bytes;      // of the body; -1: the length of the path and of "page \n"
  bool sometimes = false;  // or it is well
};

// Which lines have been written to the list, and which have their result.
class Ledger {
 public:
  explicit Ledger(std::vector<Way> ways) : ways_(std::move(ways)) {}

  std::string add_line(std::mt19937_64& random) {
    int dice = static_cast<int>(random() % 100);
    auto way = ways_.begin();
    while (dice >= way->percent) dice -= (way++)->percent;
    const std::lock_guard lock(mutex_);
    ++lines_;
    std::string url = way->url;
    if (url.ends_with('/')) url += std::to_string(lines_);
    open_.emplace(lines_, std::pair(&*way, url));
    most_open_ = std::max(most_open_, open_.size());
    return url + "\n";
  }

  void settle(std::int64_t line, const ResultLine& result) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(line);
    if (found == open_.end()) {
      complain("a second result, or one of no line", line, result);
    } else {
      const auto& [way, url] = found->second;
      if (result.url != url || !allowed(*way, url, result))
        complain("not what can be", line, result);
      open_.erase(found);
    }
    ++kinds_[result.kind];
    ++results_;
    arrived_.notify_all();
  }

  // Until so many more results have come, but not for longer.
  bool wait_for(std::int64_t results, Clock::duration longest) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, longest,
                             [&, end = results_ + results] { return results_ >= end; });
  }

  // After the run.
  std::int64_t lines() const { return lines_; }
  std::size_t open() const { return open_.size(); }
  std::size_t most_open() const { return most_open_; }
  std::int64_t of_kind(const std::string& kind) { return kinds_[kind]; }
  const std::string& complaint() const { return complaint_; }
  void print() const {
    std::cout << lines_ << " lines, " << open_.size() << " without a result, at most " << most_open_
              << " at once:";
    for (const auto& [kind, count] : kinds_)
      std::cout << ' ' << count << ' ' << (kind.empty() ? "ok" : kind);
    std::cout << '\n';
  }

 private:
  static bool allowed(const Way& way, const std::string& url, const ResultLine& result) {
    if (way.status == 0) return result.kind == way.kind;
    if (result.kind == "connect" || result.kind == "disconnected" || result.kind == "timeout")
      return true;
    if (result.kind == "tls") return url.starts_with("https:");
    if (result.kind == way.kind && result.status == way.status)
      return result.kind != "" || whole(way, url, result);
    return way.sometimes && result.kind == "" && result.status == 200 && whole(way, url, result);
  }

  static bool whole(const Way& way, const std::string& url, const ResultLine& result) {
    const auto path = url.size() - std::min(url.find('/', 8), url.size());
    return result.bytes == (way.bytes >= 0 ? way.bytes : static_cast<std::int64_t>(path + 6));
  }

  void complain(const char* what, std::int64_t line, const ResultLine& result) {
    if (complaint_.empty())
      complaint_ = std::string(what) + ": line " + std::to_string(line) + " " + result.url +
                   " status " + std::to_string(result.status) + " bytes " +
                   std::to_string(result.bytes) + " " + result.kind + ": " + result.message;
  }

  const std::vector<Way> ways_;
  std::mutex mutex_;  // for what follows
  std::condition_variable arrived_;
  std::map<std::int64_t, std::pair<const Way*, std::string>> open_;
  std::map<std::string, std::int64_t> kinds_;
  std::int64_t lines_ = 0, results_ = 0;
  std::size_t most_open_ = 0;
  std::string complaint_;
};

// What happens to nginx; told at the end.
class Fate {
 public:
  Fate(Nginx& nginx, Ledger& ledger, std::uint64_t seed)
      : nginx_(nginx), ledger_(ledger), random_(seed) {}

  void go_on_until(Clock::time_point end) {
    // Each in turn before any at random, so that a short run has them all.
    for (int turn = 0; Clock::now() < end || turn < 4; ++turn) {
      wait(200, milliseconds(1000));
      const auto what = turn < 4 ? turn : static_cast<int>(random_() % 4);
      if (what == 0) kill();
      if (what == 1) pause(milliseconds(200));  // some lines notice nothing
      if (what == 2) pause(timeout * 2);        // all that run notice
      if (what == 3) pause_and_kill();
    }
    ledger_.wait_for(100, std::chrono::seconds(20));
  }

  void print() const {
    std::cout << "nginx was killed " << kills_ << " times and paused " << pauses_ << " times\n";
  }

 private:
  // A moment: so many results later at most, or so much time.
  void wait(std::uint64_t results, milliseconds longest) {
    const auto time = milliseconds(1 + random_() % static_cast<std::uint64_t>(longest.count()));
    ledger_.wait_for(static_cast<std::int64_t>(1 + random_() % results), time);
  }

  void kill() {
    ++kills_;
    nginx_.kill();
    wait(300, milliseconds(1000));
    nginx_.start();
  }

  // For more than half of that.
  void pause(milliseconds longest) {
    ++pauses_;
    nginx_.pause();
    ledger_.wait_for(1'000'000, longest / 2);
    wait(100, longest / 2);
    nginx_.resume();
  }

  void pause_and_kill() {
    ++pauses_;
    nginx_.pause();
    wait(300, milliseconds(500));
    kill();
  }

  Nginx& nginx_;
  Ledger& ledger_;
  std::mt19937_64 random_;
  int kills_ = 0, pauses_ = 0;
};

struct Pipe {
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  }
  int ends[2];
};

void write_lines(int fd, Ledger& ledger, std::uint64_t seed, const std::atomic<bool>& enough) {
  std::mt19937_64 random(seed);
  while (!enough) {
    const std::string line = ledger.add_line(random);
    if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) break;
  }
  ::close(fd);
}

void read_results(int fd, Ledger& ledger) {
  std::FILE* file = ::fdopen(fd, "r");
  char* line = nullptr;
  std::size_t room = 0;
  while (::getline(&line, &room, file) > 0) {
    const auto [number, result] = parse_result(line);
    ledger.settle(number, result);
  }
  std::free(line);
  std::fclose(file);
}

TEST(UnsteadyServer, EveryLineIsAccountedForWhileNginxComesAndGoes) {
  ignore_broken_pipes();
  if (!have_nginx()) GTEST_SKIP() << "nginx is not installed (tools/install-deps.sh)";
  const auto seconds = number_from("COROEXEC_FETCH_SECONDS", 2);
  const auto seed =
      static_cast<std::uint64_t>(number_from("COROEXEC_FETCH_SEED", std::random_device{}()));
  std::cout << "seed " << seed << std::endl;
  Nginx nginx;
  const auto big = static_cast<std::int64_t>(read_file(nginx.directory().file("big.txt")).size());
  Ledger ledger({{nginx.plain() + "/page/", 60, 200, "", -1},
                 {nginx.plain() + "/big.txt", 8, 200, "", big},
                 {nginx.secure() + "/page/", 10, 200, "", -1},
                 {nginx.plain() + "/moved", 5, 200, "", 6},
                 {nginx.plain() + "/limited/", 7, 429, "http-status", 6, true},
                 {nginx.plain() + "/missing", 4, 404, "http-status", 0},
                 {nginx.plain() + "/broken", 3, 500, "http-status", 0},
                 {"http://no host/", 3, 0, "invalid-url", 0}});

  Pipe list, results;
  // As small as may be, so that few lines are written before they are read.
  const auto list_size = static_cast<std::size_t>(::fcntl(list.ends[1], F_SETPIPE_SZ, 1));
  const TempDir directory;
  const std::string errors = directory.file("err");
  Child child({COROEXEC_FETCH, "--concurrency", std::to_string(concurrency), "--rate", "500",
               "--timeout", std::to_string(timeout.count()) + "ms", "--connect-timeout", "300ms",
               "--retries", "1", "--retry-delay", "20ms", "--cacert", nginx.authority(), "-"},
              {list.ends[0], results.ends[1],
               ::open(errors.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)});
  std::atomic<bool> enough = false;
  std::thread writer([&] { write_lines(list.ends[1], ledger, seed, enough); });
  std::thread reader([&] { read_results(results.ends[0], ledger); });
  Fate fate(nginx, ledger, seed + 1);
  try {
    fate.go_on_until(Clock::now() + std::chrono::seconds(seconds));
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  enough = true;
  writer.join();
  reader.join();
  const int status = child.wait();

  ledger.print();
  fate.print();
  const std::string told = read_file(errors);
  std::cout << told << "memory " << child.peak_kilobytes() << " KB\n";
  EXPECT_EQ(status, 1);
  EXPECT_EQ(ledger.complaint(), "");
  EXPECT_EQ(ledger.open(), 0u);
  EXPECT_TRUE(told.starts_with(grouped(static_cast<std::uint64_t>(ledger.lines())) + " URLs in "))
      << told;
  EXPECT_GT(ledger.of_kind(""), 0) << "nothing is fetched, so nothing is tested";
  // In the pipe, in the program's buffer, at work, and being written.
  constexpr std::size_t shortest_line = 16;
  EXPECT_LE(ledger.most_open(), 2 * list_size / shortest_line + concurrency + 1);
#ifndef COROEXEC_TEST_INSTRUMENTED
  EXPECT_LT(child.peak_kilobytes(), 64'000);
#endif
}

}  // namespace
}  // namespace fetch::test
