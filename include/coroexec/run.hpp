// run(main): a program's main coroutine, with everything it needs around it.
//
//   int main() { return coroexec::run(fetch_all()); }
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <type_traits>
#include <utility>

#include "coroexec/detail/callback.hpp"

namespace coroexec {

class SchedulingContext;

namespace detail {

// A context that only this thread runs, and the one job in it.
class COROEXEC_DECL MainContext {
 public:
  MainContext();  // of the kind this thread's policy asks for, with an eye on signals
  explicit MainContext(std::unique_ptr<SchedulingContext> own);
  explicit MainContext(SchedulingContext& given);  // which stays, and without signals
  ~MainContext();
  Engine& engine() noexcept;
  void run(Job<asio::any_io_executor>& main);  // until it is done; rethrows its error

 private:
  void turn(const Job<asio::any_io_executor>& main);
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

template <class F>
auto run_main(MainContext& context, F&& main) {
  const auto job = make_job<asio::any_io_executor>(context.engine(), no_task_options,
                                                   as_callable(std::forward<F>(main)));
  context.run(*job);
  if constexpr (requires { job->value(); }) return std::move(job->value());
}

}  // namespace detail

// Runs `main`, a callable that returns awaitable<T>, on an io_context of its own that this thread
// runs, and returns its result or rethrows its error. The first SIGINT or SIGTERM cancels main, the
// second ends run() with operation_aborted at once. Everything that was left on the context is
// destroyed before run() returns. Under a ContextPolicy the context is a SchedulingContext. Throws
// invalid-state if main can never finish because nothing is left that it could wait for. (asyncio.run)
template <class F>
  requires std::is_invocable_v<std::decay_t<F>>
auto run(F&& main) {
  detail::MainContext context;
  return detail::run_main(context, std::forward<F>(main));
}

// The same with a coroutine that has been called already.
template <class T>
T run(asio::awaitable<T> main) {
  detail::MainContext context;
  return detail::run_main(context, std::move(main));
}

}  // namespace coroexec
