// Jobs that wait: a timer in each job, beside the time that the waiting alone takes; and a deadline on
// each job that never fires, beside a timer for each by hand.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "by_hand.hpp"
#include "harness.hpp"
#include "ours.hpp"

namespace bench {
namespace {

using std::chrono::milliseconds;

// `bound` timers at once, each of `wait`: so a job takes wait / bound at best.
void add_timers(Programme& programme, std::size_t bound, milliseconds wait, double limit) {
  const std::string key =
      "_" + std::to_string(bound) + "_timers_of_" + std::to_string(wait.count()) + "ms";
  const auto job = [wait](int i) { return timer_job<Any>(i, wait); };
  const auto add = [&](const std::string& name, auto run) {
    programme.scenarios.push_back({name + key, 100 * bound, run, true});
    if (bound > 1000) programme.scenarios.back().jobs = 20 * bound;
  };
  add("typical", [=](std::size_t n) {
    run_context<Any>([=] { return by_hand::typical<Any>(n, bound, job); });
  });
  add("skilled", [=](std::size_t n) {
    run_context<Any>([=] { return by_hand::skilled<Any>(n, bound, job); });
  });
  add("ours", [=](std::size_t n) { ours::submit<Any>(n, bound, job); });
  add("floor", [=](std::size_t n) { by_hand::floor<Any>(n, bound, job); });
  const std::string ideal = "ideal" + key;
  const std::chrono::duration<double, std::nano> ns = wait;
  programme.constants[ideal] = ns.count() / static_cast<double>(bound);

  const std::string what = std::to_string(wait.count()) +
                           " ms timer in each job, W = " + std::to_string(bound) +
                           ", over the ideal: ";
  programme.rows.push_back({what + "ours", "ours" + key, ideal, limit});
  for (const std::string form : {"typical", "skilled", "floor"})
    programme.rows.push_back({what + form, form + key, ideal, 0});
}

// Typical: the operator that awaits whichever ends first.
asio::awaitable<int> with_operator(int i, JobFunction<Any> job) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::minutes(1));
  auto first = co_await (job(i) || timer.async_wait(asio::use_awaitable));
  if (first.index() == 1) throw boost::system::system_error(asio::error::timed_out);
  co_return std::get<0>(first);
}

// Skilled: the timer's handler cancels the job, the job's end cancels the timer.
asio::awaitable<void> with_timers(std::size_t jobs, std::size_t bound, JobFunction<Any> job) {
  struct Deadline {
    explicit Deadline(const asio::any_io_executor& executor)
        : timer(executor, std::chrono::minutes(1)) {}
    asio::steady_timer timer;
    asio::cancellation_signal signal;
  };
  const auto executor = co_await asio::this_coro::executor;
  by_hand::Slots<Any> slots(executor, bound);
  by_hand::Results results;
  for (std::size_t i = 0; i < jobs; ++i) {
    if (!slots.try_send(by_hand::token()))
      co_await slots.async_send(by_hand::token(), asio::use_awaitable);
    auto deadline = std::make_shared<Deadline>(executor);
    deadline->timer.async_wait([deadline](boost::system::error_code ec) {
      if (!ec) deadline->signal.emit(asio::cancellation_type::terminal);
    });
    const auto slot = deadline->signal.slot();
    auto ended = [&, deadline = std::move(deadline)](std::exception_ptr error, int value) {
      deadline->timer.cancel();
      results.add(error, value);
      slots.try_receive([](boost::system::error_code) {});
    };
    asio::co_spawn(executor, job(static_cast<int>(i)),
                   asio::bind_cancellation_slot(
                       slot, asio::bind_executor(asio::system_executor(), std::move(ended))));
  }
  for (std::size_t i = 0; i < bound; ++i)
    if (!slots.try_send(by_hand::token()))
      co_await slots.async_send(by_hand::token(), asio::use_awaitable);
  rethrow(results.error);
}

void add_deadlines(Programme& programme) {
  constexpr std::size_t bound = 1000;
  const JobFunction<Any> job = yielding_job<Any>;
  const auto add = [&](const std::string& name, auto run) {
    programme.scenarios.push_back({name, 300'000, run});
  };
  add("typical", [=](std::size_t n) {
    run_context<Any>([=] { return by_hand::typical<Any>(n, bound, job); });
  });
  add("typical_deadline", [=](std::size_t n) {
    const auto limited = [=](int i) { return with_operator(i, job); };
    run_context<Any>([=] { return by_hand::typical<Any>(n, bound, limited); });
  });
  add("skilled", [=](std::size_t n) {
    run_context<Any>([=] { return by_hand::skilled<Any>(n, bound, job); });
  });
  add("skilled_deadline",
      [=](std::size_t n) { run_context<Any>([=] { return with_timers(n, bound, job); }); });
  add("ours", [=](std::size_t n) { ours::submit<Any>(n, bound, job); });
  add("ours_deadline", [=](std::size_t n) { ours::submit_with_deadline<Any>(n, bound, job); });

  const auto row = [&](const std::string& form, double most) {
    programme.rows.push_back({"a deadline that never fires, ns more a job: " + form,
                              form + "_deadline", form, most, Compare::difference});
  };
  row("ours", 40);
  row("typical", 0);
  row("skilled", 0);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  Programme programme;
  add_timers(programme, 1000, milliseconds(1), 1.08);
  add_timers(programme, 10'000, milliseconds(10), 1.10);
  add_deadlines(programme);
  return run_main(programme, argc, argv);
}
