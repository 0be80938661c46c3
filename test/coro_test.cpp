// How a test's body is run. Compiled once: Asio's contexts cost every file that uses them seconds.
#include "coro_test.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <sstream>
#include <vector>

#include "coroexec/detail/context_service.hpp"
#include "coroexec/inspect.hpp"
#include "coroexec/scheduling.hpp"
#include "event.hpp"

namespace coroexec::test {

void CoroCase::run_in(Setting setting) {
  setting_ = setting;
  if (setting == Setting::one_thread) return run_in_one_thread();
  if (setting == Setting::virtual_time) return run_in_virtual_time();
  if (setting == Setting::thread_pool) {
    asio::thread_pool pool(thread_count);
    start(pool.get_executor());
    return run_in_threads(pool, 1, [&] { pool.join(); });
  }
  asio::io_context context(thread_count);
  start(context.get_executor());
  run_in_threads(context, thread_count, [&] { context.run(); });
}

void CoroCase::start(asio::any_io_executor executor) {
  home = executor;
  asio::co_spawn(executor, body(), [this](std::exception_ptr error) {
    ended_ = true;
    try {
      if (error) std::rethrow_exception(error);
    } catch (const Abandoned&) {
    } catch (...) {
      ADD_FAILURE() << "the body threw: " << detail::message_of(error);
    }
  });
}

void CoroCase::stuck() const {
  std::ostringstream tree;
  if (!one_thread()) dump(tree, home);
  ADD_FAILURE() << (ended_ ? "the body has ended, but left work behind on its context"
                           : "stuck: neither the body nor a job can make progress\n")
                << tree.str();
}

void CoroCase::run_in_one_thread() {
  asio::io_context context(1);
  asio::execution_context& any_context = context;
  detail::ContextService::of(any_context).set_single_threaded();
  start(context.get_executor());
  while (!context.stopped())
    if (context.run_for(patience) == 0 && !context.stopped()) return stuck();
  EXPECT_TRUE(ended_) << "nothing is left to do, but the body has not ended";
}

void CoroCase::run_in_virtual_time() {
  SchedulingContext context({.virtual_time = true});
  home = context.get_executor();
  try {
    context.run([this] { return body(); });
  } catch (const Abandoned&) {
  } catch (...) {
    ADD_FAILURE() << "the body threw: " << detail::message_of(std::current_exception());
  }
  for (auto& task : all_tasks(context)) ADD_FAILURE() << "left behind: " << task.label();
}

template <class Context, class Run>
void CoroCase::run_in_threads(Context& context, int count, Run run) {
  std::vector<std::future<void>> threads;
  for (int i = 0; i < count; ++i) threads.push_back(std::async(std::launch::async, run));
  for (auto& thread : threads) {
    if (thread.wait_for(patience) == std::future_status::ready) continue;
    context.stop();
    return stuck();
  }
  EXPECT_TRUE(ended_) << "nothing is left to do, but the body has not ended";
}

struct Event::Closed {
  asio::experimental::concurrent_channel<void(boost::system::error_code)> channel;
};

Event::Event(const asio::any_io_executor& executor) : closed_(new Closed{executor}) {}

void Event::set() { closed_->channel.close(); }

awaitable<void> Event::wait(std::function<void()> waiting) {
  boost::system::error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  co_await asio::async_initiate<decltype(token), void(boost::system::error_code)>(
      [&](auto handler) {
        const auto tell = std::move(waiting);  // with threads the frame may be gone after the next line
        closed_->channel.async_receive(std::move(handler));
        if (tell) tell();
      },
      token);
  if (ec != asio::experimental::error::channel_closed)
    throw boost::system::system_error(asio::error::operation_aborted);
}

awaitable<void> next_turn() { co_await asio::post(asio::use_awaitable); }

}  // namespace coroexec::test
