#include "coroexec/context.hpp"

#include <algorithm>
#include <string>

#include "coroexec/detail/task_base.hpp"

namespace coroexec {
namespace detail {

std::atomic<bool> any_cell_made{false};

ContextCell::ContextCell(Ref<ContextMap> map) noexcept : map_(std::move(map)) {
  any_cell_made.store(true, std::memory_order_relaxed);
}
ContextCell::~ContextCell() = default;

Ref<ContextCell> ContextCell::copy() const {
  if (!map_) return {};
  return Ref<ContextCell>::adopt(new ContextCell(map_));
}

ContextValue* ContextCell::find(std::uint64_t key) const noexcept {
  if (map_)
    for (auto& entry : map_->entries)
      if (entry.key == key) return entry.value.get();
  return nullptr;
}

void ContextCell::set(std::uint64_t key, Ref<ContextValue> value) {
  auto map = map_ && !map_->is_shared() ? map_
             : Ref<ContextMap>::adopt(map_ ? new ContextMap(*map_) : new ContextMap);
  auto& entries = map->entries;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](auto& e) { return e.key == key; });
  if (found == entries.end()) {
    if (value) entries.push_back({key, std::move(value)});
  } else if (value) {
    std::swap(found->value, value);
  } else {
    std::swap(found->value, value);
    entries.erase(found);
  }
  map_ = std::move(map);  // the value that was there goes last: its destructor may look at the context
}

ContextCell* current_cell() noexcept {
  const auto& here = this_thread_state();
  if (here.context) return here.context;
  return here.worker && here.worker->job ? here.worker->job->context.get() : nullptr;
}

ContextCell& writable_cell(std::string_view variable) {
  if (auto* cell = current_cell()) return *cell;
  Worker* const worker = current_worker();
  if (!worker || !worker->job)
    throw_error(errc::invalid_state,
                "context variable '" + std::string(variable) +
                    "' was set outside of any job: there is no context to set it in; use "
                    "Context::run() or with_context()");
  auto& context = worker->job->context;
  context = Ref<ContextCell>::adopt(new ContextCell);
  return *context;
}

std::uint64_t new_context_key() noexcept {
  static constinit std::atomic<std::uint64_t> last{0};
  return ++last;
}

EnteredContext::EnteredContext(Ref<ContextCell> cell) : cell_(std::move(cell)) {
  if (!cell_->enter()) {
    cell_ = {};
    throw_error(errc::invalid_state, "this context has been entered already");
  }
}

EnteredContext::~EnteredContext() {
  if (cell_) cell_->leave();
}

}  // namespace detail

Context::Context() : cell_(detail::Ref<detail::ContextCell>::adopt(new detail::ContextCell)) {}

std::size_t Context::size() const noexcept { return cell_->map() ? cell_->map()->entries.size() : 0; }

Context copy_context() {
  if (const auto* cell = detail::current_cell())
    if (auto copy = cell->copy()) return Context(std::move(copy));
  return {};
}

asio::any_io_executor with_context(const asio::any_io_executor& executor, const Context& context) {
  return detail::ContextExecutor(executor, context.cell_);
}

}  // namespace coroexec
