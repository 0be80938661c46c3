// ChromeTrace: an observer that writes what ran, when and on which worker, in Chrome's trace-event format, to be
// looked at in chrome://tracing or ui.perfetto.dev.
//
//   std::ofstream file("trace.json");
//   auto trace = std::make_shared<ChromeTrace>(file);
//   coroexec::observe(executor, trace);
//   …
//   trace->close();
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>

#include "coroexec/observer.hpp"

namespace coroexec {

// One track a worker, on it each job that has ended as a bar, and a flow from the bar of who handed it in to its start.
// A job that was cancelled in the queue is a mark on the track of who handed it in. A bar's name is the job's; its
// arguments are id, scope, state, time in the queue, and place.
//
// It streams: what is kept in memory is 64 KB, however long it runs. `out` is only used inside of calls, under
// the trace's own lock, and has to live until close(): scopes and the handles of
// their jobs keep the trace, so that its destructor may come late. Any thread.
class COROEXEC_DECL ChromeTrace : public Observer {
 public:
  using Time = std::chrono::steady_clock::time_point;  // on the scopes' clock
  // What a bar is to say of itself: a name, and a number or a text.
  using Argument = std::pair<std::string_view, std::variant<std::int64_t, std::string_view>>;

  explicit ChromeTrace(std::ostream& out);  // where to write
  ~ChromeTrace() override;  // closes it

  // Writes what is left: the text is valid JSON from then on, and nothing more is added. The scopes that are observed
  // may go on.
  void close() noexcept;
  // Has the stream failed? Then nothing more is written.
  bool failed() const noexcept;

  // A bar of the program's own, inside of that of the job that calls; of no job's, on a track of its own.
  void add(std::string_view name, Time began, Time ended,
           std::initializer_list<Argument> arguments = {}) noexcept;

  void job_ended(const TaskView& job) noexcept override;  // writes its bar

 private:
  struct Writer;
  std::unique_ptr<Writer> writer_;
};

}  // namespace coroexec
