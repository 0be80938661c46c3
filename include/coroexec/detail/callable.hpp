// What may be handed in as a job, and the sentences for what may not.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <functional>
#include <string_view>
#include <type_traits>

#include "coroexec/config.hpp"
#include "coroexec/options.hpp"

namespace coroexec::detail {

template <class A>
struct awaitable_traits {
  static constexpr bool is_awaitable = false;
  template <class>
  static constexpr bool is_on = false;
};
template <class T, class Ex>
struct awaitable_traits<asio::awaitable<T, Ex>> {
  static constexpr bool is_awaitable = true;
  template <class Executor>
  static constexpr bool is_on = std::is_same_v<Ex, Executor>;
  using result = T;
  using executor = Ex;
};

template <class A>
concept Awaitable = awaitable_traits<std::remove_cvref_t<A>>::is_awaitable;

// What stands in for an awaitable: a callable without parameters that gives one. Handed to what takes awaitables it has not
// been called.
template <class F>
concept UncalledCoroutine = !Awaitable<F> && (requires(std::decay_t<F>& function) {
  { function() } -> Awaitable;
} || requires(std::decay_t<F> function) {
  { std::move(function)() } -> Awaitable;
});

template <class...>
inline constexpr bool never = false;  // for a static_assert in what must not be called

template <class F>
concept ScopeOptions = std::same_as<std::remove_cvref_t<F>, ExecutorOptions> ||
    std::same_as<std::remove_cvref_t<F>, PoolOptions>;

// The result type of the job made from F and Args; a wrong one is refused with one sentence, and
// `void` stands in for it so that no further errors follow.
// F and Args are decayed.
template <class Ex, class F, class... Args>
struct JobResult {
  static constexpr bool callable = std::is_invocable_v<F, Args...>;
  static consteval auto returned() {
    if constexpr (callable)
      return std::type_identity<std::invoke_result_t<F, Args...>>{};
    else
      return std::type_identity<void>{};
  }
  using Returned = typename decltype(returned())::type;
  static constexpr bool coroutine = Awaitable<Returned>;
  static consteval bool right_executor() {
    if constexpr (coroutine)
      return std::is_same_v<typename awaitable_traits<Returned>::executor, Ex>;
    else
      return false;
  }
  static constexpr bool ok = callable && coroutine && right_executor();
  static consteval auto result() {
    if constexpr (ok)
      return std::type_identity<typename awaitable_traits<Returned>::result>{};
    else
      return std::type_identity<void>{};
  }
  using type = typename decltype(result())::type;
  // Clang forgets what comes after one that fails.
  static_assert(!ScopeOptions<F>,
                "coroexec: these are the options of a scope, those of a job are TaskOptions");
  static_assert(callable || ScopeOptions<F>,
                "coroexec: the job cannot be called with these arguments; they are passed on "
                "as rvalues, as std::thread does, so an lvalue reference needs std::ref");
  static_assert(
      !callable || coroutine,
      "coroexec: the job must be a coroutine: it has to return boost::asio::awaitable<T>");
  static_assert(
      !coroutine || right_executor(),
      "coroexec: the job's awaitable must have the executor type of the executor or pool it "
      "is handed to");
};
template <class Ex, class F, class... Args>
using job_result_t = typename JobResult<Ex, std::decay_t<F>, std::decay_t<Args>...>::type;

// GCC 12 destroys some temporaries twice inside a co_await expression: closures whose captures need
// a destructor, aggregates with such members, a std::function made from a closure. (GCC bug 107288 and its kin;
// fixed in GCC 13.) A call that takes one as a temporary is refused there; a named object is not
// affected, and moved() passes one on without a copy.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
template <class T>
inline constexpr bool is_specialization = false;  // whose name may contain a closure's
template <template <class...> class C, class... Args>
inline constexpr bool is_specialization<C<Args...>> = true;
template <class T>
consteval bool is_closure() {
  return std::string_view(__PRETTY_FUNCTION__).find("<lambda") != std::string_view::npos &&
         std::is_class_v<T> && !is_specialization<T>;
}
template <class T>
inline constexpr bool is_std_function = false;
template <class S>
inline constexpr bool is_std_function<std::function<S>> = true;

// `Forwarded` is the deduced type of a forwarding reference: no reference means an rvalue.
template <class Forwarded>
consteval bool survives_as_temporary() {
  if constexpr (std::is_lvalue_reference_v<Forwarded> || std::is_trivially_destructible_v<Forwarded>)
    return true;
  else
    return !(is_closure<Forwarded>() || std::is_aggregate_v<Forwarded> || is_std_function<Forwarded>);
}
#else
template <class Forwarded>
consteval bool survives_as_temporary() {
  return true;
}
#endif

template <class... Forwarded>
consteval void check_temporaries() {
  static_assert((survives_as_temporary<Forwarded>() && ...),
                "coroexec: GCC 12 would destroy this temporary twice inside a co_await expression; name "
                "the lambda or aggregate first and pass the name, or coroexec::moved(name)");
}

// A callable or argument moved out of a named object.
template <class T>
class Moved {
 public:
  explicit Moved(T& object) : object_(std::move(object)) {}
  template <class... Args>
  auto operator()(Args&&... args) -> std::invoke_result_t<T, Args...> {
    return std::invoke(std::move(object_), std::forward<Args>(args)...);
  }

 private:
  T object_;
};

}  // namespace coroexec::detail

namespace coroexec {

// Hands a named callable over without a copy: `co_await executor.submit(moved(job))`. The same as
// std::move, but it also compiles where GCC 12 must be kept from a temporary.
template <class T>
  requires(!std::is_const_v<T>)
detail::Moved<T> moved(T& named) {
  return detail::Moved<T>(named);
}

}  // namespace coroexec
