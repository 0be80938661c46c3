// Inputs of the streams: ranges, which are pulled in the consumer's own coroutine, and asynchronous
// sources and channels, which are awaited.
#pragma once

#include <boost/asio/experimental/channel_error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <utility>

#include "coroexec/async_generator.hpp"

namespace boost::asio::experimental {
template <class, class, class...>
class basic_channel;
template <class, class, class...>
class basic_concurrent_channel;
}  // namespace boost::asio::experimental

namespace coroexec::detail {

template <class R>
struct unwrap_reference {
  using type = R;
  static constexpr bool refers = false;
};
template <class R>
struct unwrap_reference<std::reference_wrapper<R>> {
  using type = R;
  static constexpr bool refers = true;
};

// A range as it was handed in: moved or copied into us, or referred to by a view or std::ref.
// What is ours is moved out element by element. Lives at one address: iterators point into it.
template <class Given>
class RangeInput {
  using Range = typename unwrap_reference<Given>::type;
  static constexpr bool owned = !unwrap_reference<Given>::refers && !std::ranges::view<Range>;

 public:
  explicit RangeInput(Given given) : given_(std::move(given)) {}
  RangeInput(const RangeInput&) = delete;

  bool at_end() {
    if (!begun_) {
      position_.emplace(std::ranges::begin(range()));
      begun_ = true;
    } else if (std::exchange(taken_, false)) {
      ++*position_;
    }
    return *position_ == std::ranges::end(range());
  }

  // After at_end() said no; once.
  decltype(auto) take() {
    taken_ = true;
    if constexpr (owned)
      return std::ranges::iter_move(*position_);
    else
      return **position_;
  }

  using value_type = std::ranges::range_value_t<Range>;

 private:
  Range& range() noexcept {
    if constexpr (unwrap_reference<Given>::refers)
      return given_.get();
    else
      return given_;
  }

  Given given_;
  std::optional<std::ranges::iterator_t<Range>> position_;
  bool begun_ = false;
  bool taken_ = false;
};

// Several ranges side by side, to the shortest. pull() hands the elements of one place to `use`; false
// at the end. The same place is not read twice: input ranges work.
template <class... Given>
class RangeSource {
 public:
  static constexpr bool asynchronous = false;
  using value_type = std::tuple_element_t<0, std::tuple<typename RangeInput<Given>::value_type...>>;
  explicit RangeSource(Given... given)
      : inputs_(std::make_unique<std::tuple<RangeInput<Given>...>>(std::move(given)...)) {}

  template <class Use>
  bool pull(Use&& use) {
    return std::apply(
        [&](auto&... input) {
          if ((input.at_end() || ...)) return false;
          use(input.take()...);
          return true;
        },
        *inputs_);
  }

 private:
  std::unique_ptr<std::tuple<RangeInput<Given>...>> inputs_;
};

template <class S, class Ex>
class AsyncInput {
 public:
  static constexpr bool asynchronous = true;
  explicit AsyncInput(S source) : source_(std::move(source)) {}
  auto next() { return target().next(); }
  auto aclose()
    requires(!unwrap_reference<S>::refers && requires(S& owned) { owned.aclose(); })
  {
    return source_.aclose();
  }
  using value_type =
      typename optional_result<decltype(std::declval<typename unwrap_reference<S>::type&>().next())>::value_type;

 private:
  auto& target() {
    if constexpr (unwrap_reference<S>::refers)
      return source_.get();
    else
      return source_;
  }
  S source_;
};

template <class C>
struct channel_traits {
  static constexpr bool is_channel = false;
};
template <class Signature>
struct channel_value {};
template <class T>
struct channel_value<void(boost::system::error_code, T)> {
  using type = std::decay_t<T>;
};
template <class Ex, class Traits, class Signature>
struct channel_traits<asio::experimental::basic_channel<Ex, Traits, Signature>> {
  static constexpr bool is_channel = true;
  using value_type = typename channel_value<Signature>::type;
};
template <class Ex, class Traits, class Signature>
struct channel_traits<asio::experimental::basic_concurrent_channel<Ex, Traits, Signature>> {
  static constexpr bool is_channel = true;
  using value_type = typename channel_value<Signature>::type;
};

// A channel of (error_code, T) ends when it is closed; another error is the source's error.
template <class C, class Ex>
class ChannelInput {
 public:
  static constexpr bool asynchronous = true;
  using value_type = typename channel_traits<typename unwrap_reference<C>::type>::value_type;
  explicit ChannelInput(C channel) : channel_(std::move(channel)) {}

  asio::awaitable<std::optional<value_type>, Ex> next() {
    boost::system::error_code ec;
    auto value = co_await target().async_receive(asio::redirect_error(asio::use_awaitable_t<Ex>(), ec));
    if (!ec) co_return std::move(value);
    if (ec == asio::experimental::error::channel_closed) co_return std::nullopt;
    throw boost::system::system_error(ec, "channel");
  }

 private:
  auto& target() {
    if constexpr (unwrap_reference<C>::refers)
      return channel_.get();
    else
      return channel_;
  }
  C channel_;
};

template <class S>
inline constexpr bool is_channel = channel_traits<typename unwrap_reference<S>::type>::is_channel;
template <class S>
inline constexpr bool is_async_source =
    AsyncSource<typename unwrap_reference<S>::type> || is_channel<S>;
template <class S>
inline constexpr bool is_source = is_async_source<S> ||
                                  std::ranges::input_range<typename unwrap_reference<S>::type>;

// Stands in for an input that has been refused, so that no further errors follow.
struct NoSource {
  struct Anything {
    template <class T>
    operator T() const;
  };
  static constexpr bool asynchronous = false;
  using value_type = Anything;
  template <class Use>
  bool pull(Use&&) {
    return false;
  }
};

// What may be streamed from, made uniform.
template <class Ex, class... Given>
auto make_source(Given... given) {
  static_assert((is_source<Given> && ...),
                "coroexec: the input must be a range, an asynchronous source (awaitable<optional<T>> "
                "next()) or a channel of (error_code, T)");
  if constexpr (sizeof...(Given) == 1 && (is_channel<Given> && ...))
    return ChannelInput<Given..., Ex>(std::move(given)...);
  else if constexpr (sizeof...(Given) == 1 && (is_async_source<Given> && ...))
    return AsyncInput<Given..., Ex>(std::move(given)...);
  else {
    constexpr bool ranges = (!is_async_source<Given> && ...);
    static_assert(ranges, "coroexec: several inputs are read side by side only if all are ranges");
    if constexpr (ranges && (is_source<Given> && ...))
      return RangeSource<Given...>(std::move(given)...);
    else return NoSource();
  }
}

// The same for those who cannot wait.
template <class Given>
auto make_range_source(Given given) {
  constexpr bool range = is_source<Given> && !is_async_source<Given>;
  static_assert(range, "coroexec: map_n does not wait, so its input must be a range");
  if constexpr (range) return RangeSource<Given>(std::move(given));
  else return NoSource();
}

}  // namespace coroexec::detail
