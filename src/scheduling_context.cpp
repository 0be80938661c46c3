#include "coroexec/scheduling_context.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <ranges>

#include "coroexec/detail/context_clock.hpp"

namespace coroexec {
namespace {

using TaskEngine = detail::BasicEngine<asio::any_io_executor>;

constinit thread_local SchedulingContext* this_threads_context = nullptr;

// As list.insert.
std::size_t insertion_index(std::ptrdiff_t position, std::size_t size) {
  const auto length = static_cast<std::ptrdiff_t>(size);
  return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(position < 0 ? position + length : position, 0, length));
}

}  // namespace

// In this order: the queue and the clock are there until the io_context has destroyed everything.
struct SchedulingContext::Impl {
  explicit Impl(const SchedulingOptions& options)
      : ready(options.order == ReadyOrder::priority ? &priorities : nullptr), clock(options.virtual_time) {
    plain.queue = &ready;
    auto& service = detail::ContextService::of(static_cast<asio::execution_context&>(context));
    service.set_single_threaded();
    service.set_scheduling(ready, clock);
    ready.reset(context.get_executor());
    ready.base(detail::JobExecutor(plain));
    detail::EngineConfig config;
    config.max_active = unlimited;
    config.policy = ErrorPolicy::suppress;
    config.kind = "the context";
    tasks = TaskEngine::make(ready.base(), config);
  }
  ~Impl() { tasks->close(); }

  detail::Priorities priorities;
  detail::ReadyQueue ready;
  detail::ContextClock clock;
  detail::Worker plain;  // on whose behalf the context's own executor runs things: nobody's
  asio::io_context context{1};
  detail::Ref<TaskEngine> tasks;
  std::atomic<int> outside = 0;
};

SchedulingContext::SchedulingContext(SchedulingOptions options) : impl_(std::make_unique<Impl>(options)) {}
SchedulingContext::~SchedulingContext() = default;

asio::any_io_executor SchedulingContext::get_executor() const noexcept {
  return impl_->ready.base();
}

SchedulingContext* SchedulingContext::current_or_null() noexcept { return this_threads_context; }

SchedulingContext& SchedulingContext::current() {
  if (this_threads_context) return *this_threads_context;
  detail::throw_error(errc::invalid_state,
                      "no SchedulingContext runs on this thread: the order of tasks can be changed, and "
                      "tasks listed, only in one");
}

detail::Engine& SchedulingContext::free_tasks() noexcept { return *impl_->tasks; }

detail::Priorities& SchedulingContext::priorities() noexcept { return impl_->priorities; }

// ---- running

bool SchedulingContext::turn(detail::Condition over) {
  if (this_threads_context == this)
    detail::throw_error(errc::invalid_state, "run() of a SchedulingContext was called from inside itself");
  struct Running {
    SchedulingContext* previous;
    ~Running() { this_threads_context = previous; }
  } running{std::exchange(this_threads_context, this)};
  const detail::RunningClock time(impl_->clock);
  auto& clock = impl_->clock;
  auto& context = impl_->context;

  while (!over()) {
    if (context.stopped()) context.restart();
    clock.ring_due();
    if (context.poll_one() > 0) continue;
    context.restart();  // poll_one() stops a context that has nothing to wait for
    const bool outside = impl_->outside > 0;
    const auto next = clock.next();
    if (next != Clock::time_point::max() && clock.is_virtual() && !outside) {
      clock.set(std::max(clock.now(), next));
    } else if (next != Clock::time_point::max() && !clock.is_virtual()) {
      const auto until_then = asio::make_work_guard(context);
      context.run_one_until(next);
    } else if (context.run_one() == 0 && !outside) {
      return over();
    }
  }
  return true;
}

SchedulingContext::OutsideWork::OutsideWork(SchedulingContext& context)
    : work_(asio::make_work_guard(context.impl_->context)), count_(&context.impl_->outside) {
  ++*count_;
}

// The post makes run() look again, even if something else keeps it waiting.
SchedulingContext::OutsideWork::~OutsideWork() {
  if (!count_) return;
  --*count_;
  try {
    asio::post(work_.get_executor(), [] {});
  } catch (...) {  // no memory: it looks again when something happens
  }
}

// ---- time

SchedulingContext::Clock::time_point SchedulingContext::now() const noexcept { return impl_->clock.now(); }
bool SchedulingContext::has_virtual_time() const noexcept { return impl_->clock.is_virtual(); }

void SchedulingContext::advance(std::chrono::nanoseconds duration) {
  if (!has_virtual_time())
    detail::throw_error(errc::invalid_state, "advance(): this SchedulingContext runs in real time");
  if (duration < duration.zero())
    detail::throw_error(errc::invalid_argument, "advance(): time does not run backwards");
  impl_->clock.set(now() + duration);
}

// ---- the ready queue

void SchedulingContext::insert(std::ptrdiff_t position, detail::QueueNode& entry) {
  try {
    impl_->ready.insert(insertion_index(position, ready_len()), entry);
  } catch (...) {  // no memory to look at the queue: the entry is ours
    entry.drop();
    throw;
  }
}

std::size_t SchedulingContext::ready_len() const { return impl_->ready.entries().size(); }

std::vector<AnyTask> SchedulingContext::ready_tasks() const {
  std::vector<AnyTask> tasks;
  for (auto* entry : impl_->ready.entries()) {
    const AnyTask task(detail::job_of(*entry));
    if (task && std::ranges::find(tasks, task) == tasks.end()) tasks.push_back(task);
  }
  return tasks;
}

std::size_t SchedulingContext::ready_index(const AnyTask& task) const {
  const auto entries = impl_->ready.entries();
  for (auto index = entries.size(); task && index-- > 0;)
    if (detail::job_of(*entries[index]) == task.job()) return index;
  const auto* worker = detail::current_worker();
  const std::string why = !task                                    ? "it is empty"
                          : task.done()                            ? "it is done"
                          : worker && worker->job == task.job()    ? "it is running now"
                          : has_popped(task)                       ? "it has been popped"
                                                                   : "it is blocked";
  detail::throw_error(errc::invalid_argument,
                      (task ? task.label() : "a task") + " is not in the ready queue: " + why);
}

ReadyHandle SchedulingContext::ready_pop(std::ptrdiff_t position) {
  const auto length = static_cast<std::ptrdiff_t>(ready_len());
  const auto index = position < 0 ? position + length : position;
  if (index < 0 || index >= length)
    detail::throw_error(errc::invalid_argument, "ready_pop(" + std::to_string(position) +
                                                    "): the ready queue has " + std::to_string(length) +
                                                    (length == 1 ? " entry" : " entries"));
  return ReadyHandle(impl_->ready.pop(static_cast<std::size_t>(index)));
}

void SchedulingContext::ready_insert(std::ptrdiff_t position, ReadyHandle handle) {
  if (!handle) detail::throw_error(errc::invalid_argument, "ready_insert(): the handle is empty");
  insert(position, *handle.popped_->release());
}

void SchedulingContext::ready_append(ReadyHandle handle) {
  if (!handle) detail::throw_error(errc::invalid_argument, "ready_append(): the handle is empty");
  impl_->ready.push(*handle.popped_->release());
}

void SchedulingContext::ready_rotate(std::ptrdiff_t n) { impl_->ready.rotate(n); }

std::vector<ReadyEntry> SchedulingContext::queue_items() const {
  std::vector<ReadyEntry> items;
  for (auto* entry : impl_->ready.entries()) items.push_back({*entry, AnyTask(detail::job_of(*entry))});
  return items;
}

ReadyHandle SchedulingContext::queue_remove(const ReadyEntry& entry) {
  const auto entries = impl_->ready.entries();
  const auto found = std::ranges::find(entries, entry.entry_);
  if (found == entries.end())
    detail::throw_error(errc::invalid_argument, "queue_remove(): the entry is not in the ready queue any more");
  return ReadyHandle(impl_->ready.pop(static_cast<std::size_t>(found - entries.begin())));
}

bool SchedulingContext::has_popped(const AnyTask& task) const noexcept {
  return task && impl_->ready.has_popped(*task.job());
}

std::vector<AnyTask> SchedulingContext::unfinished_tasks() const {
  std::vector<detail::Ref<detail::TaskBase>> jobs;
  for (auto& engine : detail::ContextService::of(static_cast<asio::execution_context&>(impl_->context)).engines())
    engine->append_jobs(jobs);
  std::vector<AnyTask> tasks;
  for (auto& job : jobs) tasks.emplace_back(job.get());
  return tasks;
}

std::string SchedulingContext::who_waits_for_what(const detail::TaskBase& main) const {
  auto& service = detail::ContextService::of(static_cast<asio::execution_context&>(impl_->context));
  const auto engines = service.engines();
  const auto wait_of = [&](const AnyTask& task) -> std::string {
    for (const auto* list : service.waits_of(*task.job()))
      for (auto& engine : engines)
        if (auto name = engine->name_of(*list); !name.empty()) return " waits for " + name;
    for (auto& engine : engines)
      if (engine->has_blocked(*task.job())) return " waits for room in " + engine->label();
    if (has_popped(task)) return " has been popped";
    return task.state() == TaskState::queued ? " waits for its start" : " waits";
  };
  constexpr std::size_t enough = 20;
  auto tasks = unfinished_tasks();
  if (auto place = std::ranges::find(tasks, &main, &AnyTask::job); place != tasks.end())
    std::rotate(tasks.begin(), place, place + 1);
  std::string text;
  for (auto& task : std::views::take(tasks, enough))
    text += (text.empty() ? "" : ", ") + (task.job() == &main ? "main" : task.label()) + wait_of(task);
  if (tasks.size() > enough) text += ", and " + std::to_string(tasks.size() - enough) + " more";
  return text;
}

}  // namespace coroexec
