#include "coroexec/inspect.hpp"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <exception>
#include <map>
#include <set>
#include <mutex>
#include <ostream>
#include <utility>
#include <vector>

#include "coroexec/detail/scope_snapshot.hpp"

namespace coroexec {
namespace detail {
namespace {

// Three digits are enough for an age.
std::string text_of(std::chrono::nanoseconds age) {
  const double seconds = std::chrono::duration<double>(age).count();
  const auto with_unit = [](double value, const char* unit) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g %s", value, unit);
    return std::string(text);
  };
  if (seconds < 1e-3) return with_unit(seconds * 1e6, "us");
  if (seconds < 1) return with_unit(seconds * 1e3, "ms");
  if (seconds < 120) return with_unit(seconds, "s");
  return std::to_string(static_cast<long long>(seconds / 60)) + " min";
}

// Is the caller in a job of the one thread that runs the context? A ready queue would let it wait for its turn.
bool runs_here(const ContextService& service) noexcept {
  const Worker* const worker = current_worker();
  return worker && worker->engine && !worker->engine->threads() && worker->engine->is_on(service);
}

class Tree {
 public:
  Tree(ContextService& service, std::size_t most_jobs) {
    for (auto& engine : service.engines()) {
      if (engine->gates()) continue;  // these execute as other jobs
      auto scope = engine->snapshot(most_jobs);
      if (!scope.jobs.empty() || engine->kind() != "the context") scopes_.push_back(std::move(scope));
    }
    std::ranges::sort(scopes_, {}, &ScopeSnapshot::number);
    for (auto* worker : service.parked_workers())
      waits_.try_emplace(worker, "something of the library");
    for (auto& scope : scopes_)
      for (auto& [worker, what] : scope.waits) waits_[worker] = what;
    for (auto& scope : scopes_) {
      inner_.emplace(scope.parent, &scope);
      for (auto& job : scope.jobs) jobs_.insert(job.job);
    }
  }

  std::string text() {
    for (auto& scope : scopes_)
      if (!jobs_.contains(scope.parent)) add(scope, 0);
    if (text_.empty()) text_ = "nothing runs\n";
    return std::move(text_);
  }

 private:
  void add(const ScopeSnapshot& scope, std::size_t depth) {
    const auto& stats = scope.stats;
    line(depth, scope.label + " (scope " + std::to_string(scope.number) +
                    "): " + std::to_string(stats.active) + " active" +
                    some(stats.queued, " queued") + some(stats.waiting, " waiting for room") +
                    some(stats.done(), " done") + some(stats.failed, " of them failed") +
                    some(stats.cancelled, stats.failed ? " cancelled" : " of them cancelled") +
                    (*scope.phase ? std::string(", ") + scope.phase : ""));
    for (auto& job : scope.jobs) {
      add(job, depth + 1);
      const auto [first, last] = inner_.equal_range(job.job);
      for (auto inner = first; inner != last; ++inner) add(*inner->second, depth + 2);
    }
    if (scope.left_out > 0)
      line(depth + 1, "and " + std::to_string(scope.left_out) + " more jobs, queued");
  }

  void add(const ScopeSnapshot::Job& job, std::size_t depth) {
    std::string text = job.label + (job.worker ? ", running" : ", queued");
    if (job.observed) text += " for " + text_of(job.age);
    if (job.cancelled) text += ", cancelled";
    const auto wait = waits_.find(job.worker);
    if (job.worker && wait != waits_.end()) text += ", waits for " + wait->second;
    else if (job.suspended) text += ", suspended";
    if (job.submitter != 0)
      text += ", submitted by job " + std::to_string(job.submitter) + " of scope " +
              std::to_string(job.submitter_scope);
    if (job.where.line != 0)
      text += std::string(" at ") + job.where.file + ":" + std::to_string(job.where.line);
    line(depth, text);
  }

  static std::string some(std::uint64_t count, const char* what) {
    return count == 0 ? "" : ", " + std::to_string(count) + what;
  }
  void line(std::size_t depth, const std::string& text) {
    text_ += std::string(2 * depth, ' ') + text + "\n";
  }

  std::vector<ScopeSnapshot> scopes_;
  std::map<const Worker*, std::string> waits_;
  std::set<const TaskBase*> jobs_;
  std::multimap<const TaskBase*, const ScopeSnapshot*> inner_;  // by the job in which it was made
  std::string text_;
};

}  // namespace

std::future<void> dump_tree(std::ostream& out, ContextService& service,
                            asio::any_io_executor executor, std::size_t most_jobs) {
  std::promise<void> written;
  auto future = written.get_future();
  auto write = [&out, &service, most_jobs, written = std::move(written)]() mutable {
    try {
      out << Tree(service, most_jobs).text() << std::flush;
      written.set_value();
    } catch (...) {
      written.set_exception(std::current_exception());
    }
  };
  if (service.all_have_threads() || runs_here(service))
    write();
  else
    asio::dispatch(executor, std::move(write));
  return future;
}

}  // namespace detail

// The mutex is held while writing, so that the stream is not used once the object is gone.
struct SignalDump::State : std::enable_shared_from_this<State> {
  State(const asio::any_io_executor& given, int signal, std::ostream& stream)
      : executor(given), signals(given, signal), out(stream) {}

  void wait_locked() {
    signals.async_wait([self = shared_from_this()](boost::system::error_code ec, int) {
      std::lock_guard lock(self->mutex);
      if (ec || self->over) return;
      try {
        self->wait_locked();
        dump(self->out, self->executor);
      } catch (...) {  // no memory: whoever looks at a program in need must not end it
      }
    });
  }

  asio::any_io_executor executor;
  std::mutex mutex;
  bool over = false;
  asio::signal_set signals;
  std::ostream& out;
};

SignalDump::SignalDump(asio::any_io_executor executor, int signal, std::ostream& out)
    : state_(std::make_shared<State>(detail::base_executor(std::move(executor)), signal, out)) {
  std::lock_guard lock(state_->mutex);
  state_->wait_locked();
}

SignalDump::~SignalDump() {
  if (!state_) return;
  std::lock_guard lock(state_->mutex);
  state_->over = true;
  boost::system::error_code ignored;
  state_->signals.cancel(ignored);
}

}  // namespace coroexec
