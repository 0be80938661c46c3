// Streams of jobs, and those who read them.
#include <algorithm>
#include <limits>
#include <ranges>

#include "actions.hpp"
#include "coroexec/concurrent.hpp"
#include "coroexec/itermap.hpp"

namespace coroexec::sim {
namespace {

using Stream = std::shared_ptr<StreamLog>;

constexpr int by_body = std::numeric_limits<int>::max();  // what a body's Who::before is

struct Run {
  World* world;
  Stream stream;
};

struct InStream {
  StreamLog& stream;
  explicit InStream(StreamLog& s) : stream(s) { ++s.running; }
  ~InStream() { --stream.running; }
};

// Each element is a job; it is known from its start on.
awaitable<Counted> run_element(Run run, int input) {
  StreamLog& stream = *run.stream;
  const InStream inside(stream);
  JobLog& job = run.world->new_job(*stream.counts, *stream.action);
  job.streamed = true;
  const int before = stream.counts == stream.scope ? std::min(job.number, stream.before) : stream.before;
  const Who who{run.world, stream.scope, &job, stream.action, before};
  Counted argument(stream.counts->arguments, input);
  Fragile fragile(*run.world, job, 0);
  auto operation = run_job(who, input, std::move(argument), std::move(fragile));
  co_return co_await std::move(operation);
}

void pulled(const Run& run, int input) {
  StreamLog& stream = *run.stream;
  stream.pulled = std::max(stream.pulled, input + 1);
  run.world->check_pace(stream);
  if (stream.action->breaks && input >= stream.action->breaks) throw_fault(*run.world, "source");
}

struct Call {
  Run run;
  int input;
  awaitable<Counted> operator()() { return run_element(run, input); }
};

// A source that awaits.
template <class Element>
class Source {
 public:
  Source(Run run, int size) : run_(std::move(run)), size_(size) {}
  awaitable<std::optional<Element>> next() {
    if (run_.stream->action->lazy == 2) co_await sleep_for(milliseconds(1));
    co_await this_task::yield();
    if (at_ == size_) co_return std::nullopt;
    pulled(run_, at_);
    if constexpr (std::is_same_v<Element, int>)
      co_return at_++;
    else
      co_return Call{run_, at_++};
  }

 private:
  Run run_;
  int size_;
  int at_ = 0;
};

// A range that is read while the stream is.
template <class Element>
auto range_of(const Run& run) {
  return std::views::iota(0, run.stream->action->inputs) | std::views::transform([run](int input) {
           pulled(run, input);
           if constexpr (std::is_same_v<Element, int>)
             return input;
           else
             return Call{run, input};
         });
}

// ---- readers

void look(const Run& run, const Counted& element, bool ordered) { run.world->check_given(*run.stream, element.value(), ordered); }
void look(const Run& run, const Outcome<Counted>& element, bool ordered) {
  if (element.has_value())
    look(run, element.value(), ordered);
  else
    ++run.stream->given;
}

template <class Elements>
awaitable<void> read_one_by_one(Run run, Elements elements, bool ordered) {
  const Action& action = *run.stream->action;
  const auto leave = static_cast<Leave>(action.leave);
  for (int read = 0;; ++read) {
    if (leave != Leave::at_end && read == action.leave_after) break;
    auto element = co_await elements.next();
    if (!element) co_return;
    look(run, *element, ordered);
    element.reset();
    if (action.pace) co_await sleep_for(milliseconds(action.pace));
  }
  if (leave == Leave::fail) throw_fault(*run.world, "reader");
  if (leave != Leave::close) co_return;
  co_await elements.aclose();
  run.world->require(run.stream->running == 0, "a stream was closed, but a job of it goes on");
}

template <class Elements>
awaitable<void> read(Run run, Elements elements, bool ordered) {
  const Action& action = *run.stream->action;
  const auto leave = static_cast<Leave>(action.leave);
  if (leave == Leave::for_each) {
    using Element = typename Elements::value_type;
    const auto each = [run, ordered](Element element) -> awaitable<void> {
      look(run, element, ordered);
      if (run.stream->action->pace) co_await sleep_for(milliseconds(run.stream->action->pace));
      if (run.stream->given == run.stream->action->leave_after) throw_fault(*run.world, "reader");
    };
    std::exception_ptr error;
    try {
      co_await for_each(std::move(elements), each);
    } catch (...) {
      error = std::current_exception();
    }
    run.world->require(run.stream->running == 0, "for_each() came back, but a job of its stream goes on");
    if (error) std::rethrow_exception(error);
  } else if (leave == Leave::collect) {
    const auto all = co_await std::move(elements).collect();
    for (auto& element : all) look(run, element, ordered);
    run.world->require(run.stream->running == 0, "collect() came back, but a job of its stream goes on");
  } else {
    co_await read_one_by_one(run, std::move(elements), ordered);
  }
}

// ---- streams

struct CallElement {
  Run run;
  awaitable<Counted> operator()(int input) const { return run_element(run, input); }
};

template <class Input>
awaitable<void> map(Run run, StreamKind kind, Input input) {
  const CallElement call{run};
  const TaskOptions options = task_options(*run.stream->action);
  auto& executor = *run.stream->scope->executor;
  if (kind == StreamKind::map)
    return read(run, executor.map(options, call, std::move(input)), true);
  return read(run, executor.map_unordered(options, call, std::move(input)), false);
}

template <class Input>
awaitable<void> pool_map(Run run, StreamKind kind, Input input) {
  const CallElement call{run};
  const TaskOptions options = task_options(*run.stream->action);
  auto& pool = *run.stream->scope->pool;
  if (kind != StreamKind::pool_map) {
    auto elements = pool.itermap(options, call, std::move(input));
    co_return co_await read(run, std::move(elements), false);
  }
  auto operation = pool.map(options, call, std::move(input));
  const auto outcomes = co_await std::move(operation);
  run.world->require(static_cast<int>(outcomes.size()) == run.stream->action->inputs, "map() of a pool lost an element");
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (outcomes[i].has_value())
      run.world->require(outcomes[i].value().value() == static_cast<int>(i), "map() of a pool gave another order");
}

template <class Input>
awaitable<void> run_concurrent(Run run, StreamKind kind, Input input) {
  const ConcurrentOptions options{.limit = run.stream->action->bound ? run.stream->action->bound : -1};
  if (kind == StreamKind::concurrent)
    return read(run, concurrent(std::move(input), options), false);
  return read(run, concurrent(std::move(input), yield_exceptions, options), false);
}

template <class Element, class Input>
awaitable<void> start(Run run, StreamKind kind, Input input) {
  if constexpr (!std::is_same_v<Element, int>)
    return run_concurrent(std::move(run), kind, std::move(input));
  else if (run.stream->scope->executor)
    return map(std::move(run), kind, std::move(input));
  else
    return pool_map(std::move(run), kind, std::move(input));
}

template <class Element>
awaitable<void> start_with(Run run, StreamKind kind) {
  // A job that reads a stream of its own executor is told of a deadlock when it begins to wait, not when an
  // asynchronous source brings the element that makes it one: until it is, such programs are not made.
  const bool by_own_job = run.stream->counts == run.stream->scope && run.stream->before != by_body;
  if (run.stream->action->lazy && !by_own_job) {
    Source<Element> source(run, run.stream->action->inputs);
    return start<Element>(std::move(run), kind, std::move(source));
  }
  auto range = range_of<Element>(run);
  return start<Element>(std::move(run), kind, std::move(range));
}

}  // namespace

awaitable<void> run_stream(Who who, const Action& action) {
  if (!who.scope->has_face()) co_return;
  World& world = *who.world;
  const auto kind = static_cast<StreamKind>(action.kind);
  const bool free = kind == StreamKind::concurrent || kind == StreamKind::concurrent_outcomes;
  const Run run{&world, std::make_shared<StreamLog>()};
  run.stream->scope = who.scope;
  run.stream->counts = free ? &world.new_scope(action) : who.scope;
  run.stream->action = &action;
  run.stream->before = who.before;
  if (!free) who.scope->exact = false;
  who.scope->left_behind |= free;
  world.note(who.scope->label(), " stream begins");
  if (free)
    co_await start_with<Call>(run, kind);
  else
    co_await start_with<int>(run, kind);
  world.note(who.scope->label(), " stream ends");
}

}  // namespace coroexec::sim
