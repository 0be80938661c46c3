#include "coroexec/detail/task_base.hpp"

#include <cstring>

#include "coroexec/detail/context_cell.hpp"
#include "coroexec/detail/engine.hpp"

namespace coroexec::detail {

// Not inlined, as in engine.cpp: neither is the usual way.
[[gnu::noinline]] void TaskBase::refuse_timeout(std::string_view name) const {
  throw_error(errc::invalid_argument, label() + (name.empty() ? "" : " '" + std::string(name) + "'") + " of " +
                                          engine_->label() + ": timeout must not be negative");
}

[[gnu::noinline]] void TaskBase::keep_name(std::string_view name) {
  const std::size_t size = name.size();
  name_ = static_cast<char*>(allocate_block(sizeof(std::size_t) + size));
  std::memcpy(name_, &size, sizeof size);
  std::memcpy(name_ + sizeof size, name.data(), size);
}

TaskBase::TaskBase(Engine& engine, const TaskOptions& options)
    : references_(engine.threads()), engine_(&engine), id_(engine.next_id()), timeout_(options.timeout),
      context(inherited_cell()) {
  if (timeout_ < std::chrono::nanoseconds::zero()) refuse_timeout(options.name);
  if (!options.name.empty()) keep_name(options.name);
  engine.retain();
}

TaskBase::~TaskBase() {
  if (name_) [[unlikely]] free_block(name_, sizeof(std::size_t) + name().size());
  engine_->release();
}

std::string_view TaskBase::name() const noexcept {
  if (!name_) return {};
  std::size_t size = 0;
  std::memcpy(&size, name_, sizeof size);
  return {name_ + sizeof size, size};
}

std::string TaskBase::label() const {
  const std::string quoted = name_ ? " '" + std::string(name()) + "'" : "";
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
