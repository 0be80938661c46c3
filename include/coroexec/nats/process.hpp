// process(): one job a message, at least once.
//
//   auto handler = [](nats::Message message) -> awaitable<void> { co_await work_on(message.data()); };
//   auto stats = co_await nats::process(executor, source, handler, {.dead_letter = "jobs.dead"});
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "coroexec/coroutine_executor.hpp"
#include "coroexec/nats/source.hpp"

namespace coroexec::nats {

// What becomes of messages.
struct ProcessOptions {
  std::size_t max_deliveries = 5;            // one that fails at this one, or a later, is given up; unlimited: never
  std::string_view dead_letter = {};         // a stream's subject for those given up; empty: they are dropped
  std::chrono::nanoseconds retry_delay = std::chrono::seconds(1);      // before a failed one is given out again; doubles
  std::chrono::nanoseconds max_retry_delay = std::chrono::minutes(1);  // and is never longer
  bool confirm = false;                      // wait until the stream has confirmed each acknowledgement
  std::chrono::nanoseconds grace = std::chrono::seconds(5);  // for what runs when process() is cancelled
};

namespace detail {
using Handler = std::function<asio::awaitable<void>(Message)>;
COROEXEC_NATS_DECL asio::awaitable<SourceStats> process(CoroutineExecutor& executor, JetStreamSource& source,
                                                        Handler handler, const ProcessOptions& options);
}  // namespace detail

// Runs `handler`, a coroutine awaitable<void>(Message), once for each message of `source`, as jobs of `executor`; at most
// as many at once as that has workers. Returns the source's statistics at the source's end.
//
// A message is acknowledged when its handler has succeeded. When it has thrown, the message is given out again after
// retry_delay, here or elsewhere; when it fails at its max_deliveries-th delivery or later it is published to
// `dead_letter` with the headers Coroexec-Error, -Stream, -Sequence, -Subject and -Deliveries, and when a stream has
// confirmed that, ended. With these it may be larger than the server takes: then it goes without its data, and with a
// header Coroexec-Truncated. An error of a handler is nobody else's: neither scope nor process() see it. While a
// handler runs its lease is renewed. Where that cannot be done in time, somebody else will get the message: the handler
// is cancelled, and its end does not count.
//
// Deliveries are what the server counts: failures, and also hand-backs and lost leases, which it does not tell apart.
// So a message that was handed back often may be given up at its first failure; but its handler has had its chance.
// Only one that has been delivered more than twice max_deliveries times, for it seems to end whatever works on it, is
// given up unseen.
//
// A message may come twice, after a crash or a lost lease: handlers have to be such that this does no harm.
//
// A cancel of the caller, or of the executor, wherever process() was called: no more is pulled, what has not been
// started is handed back at once, handlers may go on for `grace` and are then cancelled and handed back;
// operation_aborted is thrown when all that is done. It throws what next() of the source does, after the same; at its
// beginning no_stream if no stream takes `dead_letter`, and wrong_consumer if the consumer's max_batch is less than the
// executor's bound and the source's prefetch.
// executor and source must live that long. The handler is kept and called from the executor's jobs, several at once if it
// has several threads.
template <class F>
COROEXEC_AWAITED auto process(CoroutineExecutor& executor, JetStreamSource& source, F&& handler,
                              ProcessOptions options = {}) {
  coroexec::detail::check_temporaries<F>();
  constexpr bool ok = std::is_invocable_r_v<asio::awaitable<void>, std::decay_t<F>&, Message>;
  static_assert(ok, "coroexec: the handler must be a coroutine awaitable<void>(nats::Message)");
  if constexpr (ok) return detail::process(executor, source, detail::Handler(std::forward<F>(handler)), options);
}

}  // namespace coroexec::nats
