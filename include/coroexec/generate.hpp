// generate(body): a stream written as a coroutine that yields.
//
//   auto numbers = [](Yield<int> yield) -> awaitable<void> {
//     for (int i = 0; i < 3; ++i) co_await yield(i);
//   };
//   auto stream = generate<int>(numbers);
#pragma once

#include <type_traits>
#include <utility>

#include "coroexec/async_generator.hpp"
#include "coroexec/generator_object.hpp"

namespace coroexec {

// What a generator's body yields with: `co_await yield(value)` hands the value to the reader and
// returns when the next one is asked for. Throws GeneratorExit, which is an operation_aborted, once the
// stream is closed. It is GeneratorObject::ayield(): any helper or job of the body may yield.
template <class T, class Executor = asio::any_io_executor>
class Yield {
 public:
  // Made by generate().
  explicit Yield(GeneratorObject<T, void, Executor> generator) : generator_(std::move(generator)) {}
  // Hands `value` to the reader, and returns when the next one is asked for.
  asio::awaitable<void, Executor> operator()(T value) const {
    return detail::speak<T, void, Executor>(generator_.state_, std::move(value));
  }

 private:
  GeneratorObject<T, void, Executor> generator_;
};

// A stream of what `body`, a coroutine that takes a Yield<T>, yields. The body starts with the first
// next(), on its caller's executor, and runs only while an element is wanted. Its error comes out of
// next(). Closing or dropping the stream ends the body at its yield. (async def … yield)
template <class T, class Executor = asio::any_io_executor, class Body>
AsyncGenerator<T, Executor> generate(Body body) {
  constexpr bool ok =
      std::is_invocable_r_v<asio::awaitable<void, Executor>, Body&, Yield<T, Executor>>;
  static_assert(ok, "coroexec: a generator's body must be a coroutine awaitable<void>(Yield<T>)");
  if constexpr (ok) {
    const GeneratorObject<T, void, Executor> generator;
    return generator(
        detail::call_and_keep<void, Executor>(std::move(body), Yield<T, Executor>(generator)));
  } else {
    return {};
  }
}

}  // namespace coroexec
