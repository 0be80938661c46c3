#include "coroexec/detail/task_base.hpp"

#include <cstring>
#include <new>

#include "coroexec/detail/context_cell.hpp"
#include "coroexec/detail/engine.hpp"

namespace coroexec::detail {

// Not inlined, as in engine.cpp: neither is the usual way.
[[gnu::noinline]] void TaskBase::refuse_timeout(std::string_view name) const {
  throw_error(errc::invalid_argument, label() + (name.empty() ? "" : " '" + std::string(name) + "'") + " of " +
                                          engine_->label() + ": timeout must not be negative");
}

void TaskBase::keep_name(const TaskOptions& options) {
  const std::size_t size = options.name.size();
  const std::size_t before = observed ? sizeof(JobRecord) : 0;
  name_ = static_cast<char*>(allocate_block(before + sizeof size + size)) + before;
  std::memcpy(name_, &size, sizeof size);
  options.name.copy(name_ + sizeof size, size);  // which may be none at all
  if (!observed) return;
  auto* record = new (name_ - before) JobRecord{};
  record->where = options.where;
  Worker* const maker = current_worker();
  if (!maker || !maker->job) return;
  record->submitter = maker->job->id();
  record->submitter_scope = maker->engine->number();
  record->submitter_worker = maker->number;
}

[[gnu::noinline]] void TaskBase::forget_name() noexcept {
  const std::size_t before = observed ? sizeof(JobRecord) : 0;
  free_block(name_ - before, before + sizeof(std::size_t) + name().size());
}

JobRecord& TaskBase::record() const noexcept {
  return *std::launder(reinterpret_cast<JobRecord*>(name_ - sizeof(JobRecord)));
}

[[gnu::noinline]] void TaskBase::set_up(const TaskOptions& options) {
  observed = engine_->observer_ && engine_->observes(id_);
  special = special || observed;
  if (observed || !options.name.empty()) keep_name(options);
}

TaskBase::TaskBase(Engine& engine, const TaskOptions& options)
    : references_(engine.threads()), engine_(&engine), id_(engine.next_id()), timeout_(options.timeout),
      context(inherited_cell()) {
  if (timeout_ != no_timeout) [[unlikely]] {
    if (timeout_ < std::chrono::nanoseconds::zero()) refuse_timeout(options.name);
    special = true;
  }
  if (!options.name.empty() || (engine.observer_ && engine.observes(id_))) [[unlikely]] set_up(options);
  engine.retain();
}

TaskBase::~TaskBase() {
  if (name_) [[unlikely]] forget_name();
  engine_->release();
}

std::string_view TaskBase::name() const noexcept {
  if (!name_) return {};
  std::size_t size = 0;
  std::memcpy(&size, name_, sizeof size);
  return {name_ + sizeof size, size};
}

std::string TaskBase::label() const {
  if (is_body) return !error_is_owned ? "the body" : name().empty() ? "the input of a stream" : std::string(name());
  const std::string quoted = name().empty() ? "" : " '" + std::string(name()) + "'";
  return engine_->part_of_caller() ? "operation" + quoted : "job " + std::to_string(id_) + quoted;
}

bool executes_here(const TaskBase& job) noexcept {
  for (auto* place = &this_thread_state(); place; place = place->below)
    if (place->worker && place->worker->job == &job) return true;
  return false;
}

void TaskBase::check_done() const {
  if (!done()) throw_error(errc::invalid_state, label() + " of " + engine_->label() + " is not done");
}

void TaskBase::check_result() const {
  check_done();
  if (error_) std::rethrow_exception(error_);
}

}  // namespace coroexec::detail
