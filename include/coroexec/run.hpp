// run(main): a program's main coroutine, with everything it needs around it.
//
//   int main() { return coroexec::run(fetch_all()); }
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <type_traits>
#include <utility>

#include "coroexec/detail/call_job.hpp"

namespace coroexec {

namespace detail {

// An io_context that only this thread runs, and the one job in it.
class COROEXEC_DECL MainContext {
 public:
  MainContext();
  ~MainContext();
  Engine& engine() noexcept;
  void run(Job<asio::any_io_executor>& main);  // until it is done; rethrows its error

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace detail

// Runs `main`, a callable that returns awaitable<T>, on an io_context of its own that this thread
// runs, and returns its result or rethrows its error. The first SIGINT or SIGTERM cancels main, the
// second ends run() with operation_aborted at once. Everything that was left on the context is
// destroyed before run() returns. Throws invalid-state if main can never finish because nothing is
// left that it could wait for. (asyncio.run)
template <class F>
  requires std::is_invocable_v<std::decay_t<F>>
auto run(F&& main) {
  using T = detail::job_result_t<asio::any_io_executor, F>;
  detail::Ref<detail::ResultJob<T, asio::any_io_executor>> job;
  {
    detail::MainContext context;
    job = detail::make_job<asio::any_io_executor>(context.engine(), {}, std::forward<F>(main));
    context.run(*job);
  }
  if constexpr (!std::is_void_v<T>) return std::move(job->value());
}

template <class T>
T run(asio::awaitable<T> main) {
  return run(detail::AwaitableCall<T, asio::any_io_executor>(std::move(main)));
}

}  // namespace coroexec
