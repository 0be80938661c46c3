// dump(): the live tree of a context, for people: its scopes, their jobs, since when and what each waits for.
//
//   executor 'crawler' (scope 3): 1 active, 2 queued, 1 waiting for room, 10 done
//     the body, running, waits for room in executor 'crawler'
//     job 12 'fetch', running for 1.2 s, suspended, submitted by job 1 of scope 3 at crawler.cpp:31
//       gather (scope 9): 1 active
//         operation, running, waits for job 4 of pool 'connections'
//     job 13 'fetch', queued
//
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <future>
#include <iosfwd>
#include <memory>
#include <string>

#include "coroexec/detail/basic_engine.hpp"

namespace coroexec {

namespace detail {
COROEXEC_DECL std::future<void> dump_tree(std::ostream& out, ContextService& service,
                                          asio::any_io_executor executor, std::size_t most_jobs);
}  // namespace detail

// Writes the tree of the context that `executor` belongs to; of each scope at most so many queued jobs. Age,
// submitter and place are known of jobs that have an Observer, any one, and are left out else; of each scope it is
// one moment, of all together it need not be.
//
// Any thread. Where every scope on the context is of Threading::multi it is written at once, under their locks.
// Where one is not, nothing but the thread which runs it may look at it: then it is written at once if the caller
// is in a job there, and else dispatched to `executor`. The scopes of Threading::single have to be all on that
// executor: with strands, on one; and none may be made on another thread meanwhile. The future is ready once all
// is written, and so long `out` has to live; it need not be waited for. With the context it gets broken_promise.
template <class Executor>
std::future<void> dump(std::ostream& out, const Executor& executor, std::size_t most_jobs = 100) {
  auto& service = detail::ContextService::of(executor);
  return detail::dump_tree(out, service, detail::base_executor(asio::any_io_executor(executor)),
                           most_jobs);
}

// While one lives, a signal makes the context write its tree: of a program that seems to hang, by `kill -USR1`.
// Not in the signal's handler, where next to nothing is allowed, but as a handler on `executor`: a thread has to
// run it. Waiting for the signal keeps run() of a plain io_context from returning; coroexec::run() returns all the
// same. Throws what asio::signal_set does. Ends with its destruction, on any thread: what is being written is
// written first.
class COROEXEC_DECL SignalDump {
 public:
  SignalDump(asio::any_io_executor executor, int signal, std::ostream& out);
  SignalDump(SignalDump&&) noexcept = default;
  SignalDump& operator=(SignalDump&&) = delete;
  ~SignalDump();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The same as a function: `const auto dump = coroexec::dump_on_signal(executor, SIGUSR1, std::cerr);`
[[nodiscard]] inline SignalDump dump_on_signal(const asio::any_io_executor& executor, int signal,
                                               std::ostream& out) {
  return {executor, signal, out};
}

}  // namespace coroexec
