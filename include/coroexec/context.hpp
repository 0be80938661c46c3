// Context variables: values that belong to a task, as thread_local ones belong to a thread. A task
// starts with a copy of the context it is made in, so what is set in it is its own.
//
//   ContextVar<std::string> request_id("request_id");
//   …
//   request_id.set("4711");
//   co_await scope.submit(handle);      // handle and all it starts read "4711"
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "coroexec/detail/context_cell.hpp"
#include "coroexec/detail/context_executor.hpp"
#include "coroexec/error.hpp"

namespace coroexec {

class Context;
template <class T>
class ContextVar;

namespace detail {

// A context something runs in; one thing at a time.
class COROEXEC_DECL EnteredContext {
 public:
  explicit EnteredContext(Ref<ContextCell> cell);
  EnteredContext(EnteredContext&&) noexcept = default;
  ~EnteredContext();
  ContextCell* cell() const noexcept { return cell_.get(); }

 private:
  Ref<ContextCell> cell_;
};

struct ContextAccess;

}  // namespace detail

// A snapshot of the current context, with changes of its own from then on. Constant time.
// (contextvars.copy_context)
COROEXEC_DECL Context copy_context();

// `executor`, with a context in place for whatever runs through it: how code that is not a job, a
// coroutine spawned by co_spawn for one, takes part. Any executor, on any number of threads; what is
// spawned on one such executor shares the context, so make one for each coroutine that sets variables.
COROEXEC_DECL asio::any_io_executor with_context(const asio::any_io_executor& executor,
                                                 const Context& context);
inline asio::any_io_executor with_context(const asio::any_io_executor& executor);

// The values of all variables at one time, and what those that run in it have changed since. A shared
// handle: copies are the same context; use copy_context() inside of it for another one.
// (contextvars.Context)
class COROEXEC_DECL Context {
 public:
  Context();  // without any value

  // Calls a plain function in this context; what it sets stays in here. Coroutines: see coro_await().
  // Throws invalid-state if something runs in this context already.
  template <class F, class... Args>
  decltype(auto) run(F&& function, Args&&... arguments) const {
    detail::EnteredContext entered(cell_);
    detail::CurrentContext current(entered.cell());
    return std::invoke(std::forward<F>(function), std::forward<Args>(arguments)...);
  }

  // The variable's value in here; nullopt if it has none, whatever its default.
  template <class T>
  std::optional<T> get(const ContextVar<T>& variable) const {
    if (const T* value = variable.find(cell_.get())) return *value;
    return std::nullopt;
  }
  std::size_t size() const noexcept;  // variables that have a value

  friend bool operator==(const Context& a, const Context& b) noexcept {
    return a.cell_.get() == b.cell_.get();
  }

 private:
  friend detail::ContextAccess;
  friend Context copy_context();
  friend asio::any_io_executor with_context(const asio::any_io_executor&, const Context&);
  explicit Context(detail::Ref<detail::ContextCell> cell) noexcept : cell_(std::move(cell)) {}
  detail::Ref<detail::ContextCell> cell_;
};

// A variable. It is the object that counts, not its name, so it is usually a global one.
//
// The current context is that of the running job; of the Context whose run() is under way, or that a
// coroutine was given; of the executor made by with_context(). In other code there is none: variables
// have their defaults there, and setting one throws invalid-state.
//
// Threads: a job's context may only be used by the job itself. (contextvars.ContextVar)
template <class T>
class ContextVar {
 public:
  // `name` is for error texts. Without a default value get() throws where there is none.
  explicit ContextVar(std::string name) : name_(std::move(name)) {}
  ContextVar(std::string name, T default_value)
      : name_(std::move(name)), default_(std::move(default_value)) {}
  ContextVar(const ContextVar&) = delete;
  ContextVar& operator=(const ContextVar&) = delete;

  std::string_view name() const noexcept { return name_; }  // as given

  // A copy of the value in the current context, else of the default; invalid-state if there is neither.
  T get() const {
    if (const T* value = find(detail::current_cell())) return *value;
    if (default_) return *default_;
    detail::throw_error(errc::invalid_state, "context variable '" + name_ + "' has no value");
  }
  T get(T otherwise) const {
    const T* value = find(detail::current_cell());
    return value ? *value : std::move(otherwise);
  }

  // What reset() needs to bring back the value of before.
  class Token {
   public:
    Token(Token&&) noexcept = default;
    Token& operator=(Token&&) noexcept = default;

   private:
    friend ContextVar;
    Token() = default;
    detail::Ref<detail::ContextCell> cell_;
    detail::Ref<detail::ContextValue> before_;
    std::uint64_t key_ = 0;  // 0: used
  };

  // Only the current context sees it, and what is made in it from now on.
  Token set(T value) {
    auto& cell = detail::writable_cell(name_);
    Token token;
    token.cell_ = detail::Ref<detail::ContextCell>(&cell);
    token.before_ = detail::Ref<detail::ContextValue>(cell.find(key_));
    token.key_ = key_;
    cell.set(key_, detail::Ref<detail::ContextValue>::adopt(
                       new detail::TypedContextValue<T>(std::move(value))));
    return token;
  }

  // Undoes a set(). Throws invalid-argument if that was of another variable, in another context or has
  // been undone already.
  void reset(Token& token) {
    const auto refuse = [&](const char* why) {
      detail::throw_error(errc::invalid_argument, "context variable '" + name_ + "': this token " + why);
    };
    if (token.key_ == 0) refuse("has been used already");
    if (token.key_ != key_) refuse("is of another variable");
    if (token.cell_.get() != detail::current_cell()) refuse("was made in another context");
    token.key_ = 0;
    token.cell_->set(key_, std::move(token.before_));
  }

 private:
  friend Context;
  const T* find(const detail::ContextCell* cell) const noexcept {
    auto* value = cell ? cell->find(key_) : nullptr;
    return value ? &static_cast<detail::TypedContextValue<T>*>(value)->value : nullptr;
  }

  const std::uint64_t key_ = detail::new_context_key();
  std::string name_;
  std::optional<T> default_;
};

inline asio::any_io_executor with_context(const asio::any_io_executor& executor) {
  return with_context(executor, copy_context());
}

namespace detail {

struct ContextAccess {
  static const Ref<ContextCell>& cell(const Context& context) noexcept { return context.cell_; }
};

}  // namespace detail
}  // namespace coroexec
