// How an executor or a pool is set up, and what it tells about itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "coroexec/config.hpp"

namespace coroexec {

// What a job's error does to the others of its scope.
enum class ErrorPolicy {
  cancel,    // the first error cancels siblings and body, and is rethrown by the scope (the default)
  suppress,  // nothing: each error stays in its own task
  collect,   // nobody is cancelled; once all have ended the scope throws one TaskGroupError
};

// Whether several threads may run the context. `single` has no lock and no atomic on the hot path,
// and then every call must come from the one thread that runs the context (or from before it runs).
enum class Threading {
  automatic,  // single where that can be known: coroexec::run(), a strand, a context with a
              // concurrency hint of 1 where Boost can be asked (1.88); else multi
  single,
  multi,
};

// For a timeout, a bound, a backlog: none, none, and one that fits the bound.
inline constexpr std::chrono::nanoseconds no_timeout = std::chrono::nanoseconds::max();
inline constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
inline constexpr std::size_t automatic_backlog = unlimited - 1;

// How an executor is set up. Options stay trivially destructible: GCC 12 destroys other temporaries in a
// co_await twice.
struct ExecutorOptions {
  std::size_t max_workers = 1000;                  // jobs active at once, at least 1; or unlimited
  std::chrono::nanoseconds timeout = no_timeout;   // of the whole scope, from its construction
  ErrorPolicy on_error = ErrorPolicy::cancel;      // what a job's error does to the others
  bool suppress_task_errors = false;               // Python's name for ErrorPolicy::suppress
  std::size_t backlog = automatic_backlog;         // accepted and not started, beside as many as there
                                                   // are free slots; 0: submit waits for a free slot, as in
                                                   // Python; automatic: max_workers, at least 64
  double max_per_second = 0;                       // starts per second; 0: no limit
  std::size_t burst = 1;                           // starts that may come at once after a pause
  Threading threading = Threading::automatic;      // may several threads run the context?
  std::string_view name = {};                      // for error texts; copied
};

// The same for a pool, whose jobs' errors stay in their handles.
struct PoolOptions {
  std::size_t size = 1024;                         // jobs active at once, at least 1; or unlimited
  std::size_t backlog = automatic_backlog;         // as above
  double max_per_second = 0;                       // as above
  std::size_t burst = 1;                           // as above
  Threading threading = Threading::automatic;      // as above
  std::string_view name = {};                      // as above
};

// Where in the source something is: std::source_location without a function's name, also where the standard
// library has none (Clang 14).
struct SourceLocation {
  const char* file = "";   // empty: not known
  std::uint32_t line = 0;  // counted from 1
  // Where the call stands.
  static constexpr SourceLocation current(const char* file = __builtin_FILE(),
                                          std::uint32_t line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

// For one job. The name is copied.
struct TaskOptions {
  std::string_view name = {};                      // for error texts, this_task::name(), the handle
  std::chrono::nanoseconds timeout = no_timeout;   // counted from the job's start
  SourceLocation where = SourceLocation::current();  // for observers: where the options stand
};

namespace detail {
// In our own calls: where those stand would tell nobody anything.
inline constexpr TaskOptions no_task_options{.where = {}};
}  // namespace detail

// A moment's counts. `waiting` are the callers suspended in submit or spawn.
struct Stats {
  std::size_t waiting = 0;      // for room
  std::size_t queued = 0;       // accepted and not started
  std::size_t active = 0;       // running
  std::uint64_t succeeded = 0;  // since the beginning
  std::uint64_t failed = 0;     // the same
  std::uint64_t cancelled = 0;  // the same
  std::chrono::steady_clock::time_point at = {};  // the moment, on the scope's clock
  std::uint64_t done() const noexcept { return succeeded + failed + cancelled; }  // the three together
  // Jobs done per second since an earlier moment of the same scope; 0 if no time has passed.
  double rate_since(const Stats& earlier) const noexcept {
    const double seconds = std::chrono::duration<double>(at - earlier.at).count();
    return seconds > 0 ? static_cast<double>(done() - earlier.done()) / seconds : 0;
  }
};

}  // namespace coroexec
