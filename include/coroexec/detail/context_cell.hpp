// The values of context variables. A job or a Context has a cell of its own; what is in it is shared
// with the cells it was copied from until somebody sets a variable. Programs that set none have no
// cells at all.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "coroexec/detail/block_pool.hpp"
#include "coroexec/detail/optional_mutex.hpp"

namespace coroexec::detail {

template <class Derived>
class SharedObject : public PooledObject {
 public:
  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.remove()) delete static_cast<Derived*>(this);
  }
  bool is_shared() const noexcept { return references_.shared(); }

 protected:
  SharedObject() = default;
  SharedObject(const SharedObject&) noexcept : SharedObject() {}

 private:
  RefCount references_{true};
};

// One value, never changed.
class ContextValue : public SharedObject<ContextValue> {
 public:
  virtual ~ContextValue() = default;
};

template <class T>
class TypedContextValue final : public ContextValue {
 public:
  explicit TypedContextValue(T&& given) : value(std::move(given)) {}
  const T value;
};

struct ContextMap final : SharedObject<ContextMap> {
  struct Entry {
    std::uint64_t key;
    Ref<ContextValue> value;
  };
  std::vector<Entry> entries;  // a few; looked through from the front
};

// Used by one thread at a time: the one that executes its job, or what runs in its Context.
class COROEXEC_DECL ContextCell final : public SharedObject<ContextCell> {
 public:
  ContextCell() noexcept : ContextCell(Ref<ContextMap>()) {}
  explicit ContextCell(Ref<ContextMap> map) noexcept;
  ~ContextCell();

  // A cell of its own with the same values; null if there are none.
  Ref<ContextCell> copy() const;
  ContextValue* find(std::uint64_t key) const noexcept;
  void set(std::uint64_t key, Ref<ContextValue> value);  // null takes it out
  const Ref<ContextMap>& map() const noexcept { return map_; }

  // Something runs in it. False: something does already.
  bool enter() noexcept { return !entered_.exchange(true, std::memory_order_acquire); }
  void leave() noexcept { entered_.store(false, std::memory_order_release); }

 private:
  Ref<ContextMap> map_;
  std::atomic<bool> entered_{false};
};

// The cell of the context the caller is in: one put in place, else its job's; null if it has none yet.
COROEXEC_DECL ContextCell* current_cell() noexcept;
// Has there ever been a cell? All that it costs a job of a program that sets no variable is this question.
COROEXEC_DECL extern std::atomic<bool> any_cell_made;
// What a job made now starts with.
inline Ref<ContextCell> inherited_cell() {
  if (!any_cell_made.load(std::memory_order_relaxed)) return {};
  const ContextCell* cell = current_cell();
  return cell ? cell->copy() : Ref<ContextCell>();
}
// To set a variable in: made if there is none. Throws invalid-state outside of any job and context.
COROEXEC_DECL ContextCell& writable_cell(std::string_view variable);
COROEXEC_DECL std::uint64_t new_context_key() noexcept;

}  // namespace coroexec::detail
