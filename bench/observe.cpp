// What an observer costs: the yield benchmark with one beside the same without.
#include <coroexec/job_times.hpp>
#include <coroexec/trace.hpp>
#include <memory>
#include <ostream>
#include <streambuf>
#include <string>

#include "harness.hpp"
#include "ours.hpp"

namespace bench {
namespace {

// A file that takes everything, at no cost.
class Nowhere : private std::streambuf, public std::ostream {
 public:
  Nowhere() : std::ostream(this) {}

 private:
  int overflow(int c) override { return c; }
  std::streamsize xsputn(const char*, std::streamsize size) override { return size; }
};

void observed(std::size_t jobs, const std::shared_ptr<coroexec::Observer>& observer, std::size_t one_in) {
  const auto body = [&](ours::Executor<Any>& executor) -> asio::awaitable<void> {
    for (std::size_t i = 0; i < jobs; ++i) co_await executor.submit(yielding_job<Any>, static_cast<int>(i));
  };
  run_context<Any>([&]() -> asio::awaitable<void> {
    const auto context = co_await asio::this_coro::executor;
    coroexec::observe(context, observer, one_in);
    const coroexec::ExecutorOptions options{.max_workers = 1000, .threading = coroexec::Threading::single};
    co_await coroexec::with_executor(options, body);
  });
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  Programme programme;
  const auto add = [&](const std::string& name, auto run) { programme.scenarios.push_back({name, 1'000'000, run}); };
  add("off", [](std::size_t n) { observed(n, nullptr, 1); });
  for (const std::size_t one_in : {64u, 16u, 1u}) {
    const std::string name = "times_1_in_" + std::to_string(one_in);
    add(name, [=](std::size_t n) { observed(n, std::make_shared<coroexec::JobTimes>(), one_in); });
    programme.rows.push_back({"JobTimes of one job in " + std::to_string(one_in), name, "off", one_in == 64 ? 1.05 : 0});
  }
  add("trace", [](std::size_t n) {
    Nowhere nowhere;
    observed(n, std::make_shared<coroexec::ChromeTrace>(nowhere), 1);
  });
  programme.rows.push_back({"ChromeTrace of every job", "trace", "off", 0});
  return run_main(programme, argc, argv);
}
