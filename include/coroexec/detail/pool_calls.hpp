// The calls of a pool that hand in many jobs, or wait for them.
#pragma once

#include <concepts>
#include <exception>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/callback.hpp"
#include "coroexec/detail/result_stream.hpp"
#include "coroexec/detail/submit.hpp"
#include "coroexec/iter_options.hpp"
#include "coroexec/outcome.hpp"
#include "coroexec/task.hpp"

namespace coroexec::detail {

// Asks `jobs` to stop and waits for their end, whether the caller is cancelled or not.
template <class Ex>
asio::awaitable<void, Ex> cancel_and_join(std::vector<Ref<TaskBase>> jobs) {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  for (auto& job : jobs) job->engine().cancel(*job, CancelReason::scope);
  for (auto& job : jobs) {
    auto& engine = job->engine();
    Engine::BlockedJob blocked(engine, job->is_done(), nullptr);
    while (!co_await wait_until<Ex>(engine.waiters_of(*job), engine.mutex(), job->is_done())) {
    }
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

template <class T, class Ex>
asio::awaitable<T, Ex> exec_job(Ref<BasicEngine<Ex>> engine, Ref<ResultJob<T, Ex>> job) {
  if (!engine->try_submit(*job)) co_await engine->enter(job);
  std::exception_ptr interrupted;
  try {
    co_await wait_for_job<Ex>(job);
  } catch (...) {
    interrupted = std::current_exception();
  }
  if (interrupted) {
    std::vector<Ref<TaskBase>> one(1, Ref<TaskBase>(job));
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await cancel_and_join<Ex>(std::move(one));
    co_await asio::this_coro::throw_if_cancelled(throws);
    std::rethrow_exception(interrupted);
  }
  job->check_result();
  if constexpr (!std::is_void_v<T>) co_return std::move(job->value());
}

// Calls one function with each element, then the callback if there is one.
template <class Ex, class F, class... Callback>
class EachJob {
 public:
  EachJob(const TaskOptions& options, F function, Callback... callback)
      : options_(options), function_(std::move(function)), callback_(std::move(callback)...) {}

  template <class E>
  auto operator()(BasicEngine<Ex>& engine, E&& element) {
    return std::apply(
        [&](auto&... callback) {
          return make_job<Ex>(engine, options_.get(),
                              with_callback<Ex>(F(function_), Callback(callback)...),
                              std::forward<E>(element));
        },
        callback_);
  }

  template <class E>
  using Job = decltype(std::declval<EachJob&>()(std::declval<BasicEngine<Ex>&>(), std::declval<E>()));

 private:
  EachTaskOptions options_;
  F function_;
  std::tuple<Callback...> callback_;
};

template <class T>
inline constexpr bool is_getres = std::same_as<std::remove_cvref_t<T>, getres::flat_t> ||
                                  std::same_as<std::remove_cvref_t<T>, getres::pair_t> ||
                                  std::same_as<std::remove_cvref_t<T>, getres::dont_t>;
template <class T>
inline constexpr bool is_iter_options = std::same_as<std::remove_cvref_t<T>, IterOptions>;

// The arguments after the input: [cb[, ctx]], and last a getres tag or IterOptions.
template <class Ex, class... More>
struct MapParts {
  static constexpr std::size_t tags =
      (std::size_t(is_getres<More> || is_iter_options<More>) + ... + 0);
  static constexpr bool tag_is_last = [] {
    bool last = true, seen = false;
    ((last = last && !seen, seen = is_getres<More> || is_iter_options<More>), ...);
    return last;
  }();

  template <std::size_t... I, class F, class Tuple>
  static auto each_of(std::index_sequence<I...>, const TaskOptions& options, F&& function,
                      Tuple&& more) {
    using Function = std::decay_t<F>;
    return EachJob<Ex, Function, std::decay_t<std::tuple_element_t<I, std::tuple<More...>>>...>(
        options, std::forward<F>(function), std::get<I>(std::move(more))...);
  }
  template <class F>
  static auto each(const TaskOptions& options, F&& function, More... more) {
    constexpr std::size_t callbacks = sizeof...(More) - (tags > 0 ? 1 : 0);
    static_assert(
        tag_is_last,
        "coroexec: getres:: or IterOptions is the last argument, and there is one of them at most");
    static_assert(callbacks <= 2 || !tag_is_last,
                  "coroexec: at most a callback and its context follow the input");
    return each_of(std::make_index_sequence<(tag_is_last && callbacks <= 2 ? callbacks : 0)>(),
                   options, std::forward<F>(function),
                   std::tuple<More...>(std::forward<More>(more)...));
  }

  template <class T>
  struct TagOf {
    using type = getres::flat_t;
  };
  template <class T>
    requires is_getres<T>
  struct TagOf<T> {
    using type = std::remove_cvref_t<T>;
  };
  template <class... T>
  struct Last {
    using type = getres::flat_t;
  };
  template <class First, class... Rest>
  struct Last<First, Rest...> {
    using type = std::conditional_t<sizeof...(Rest) == 0, typename TagOf<First>::type,
                                    typename Last<Rest...>::type>;
  };
  using Getres = typename Last<More...>::type;

  static IterOptions iter_options(const More&... more) {
    IterOptions options;
    (set(options, more), ...);
    return options;
  }
  static void set(IterOptions& options, const IterOptions& given) { options = given; }
  template <class T>
  static void set(IterOptions&, const T&) {}
};

template <class Job>
struct job_traits;
template <class T, class Ex>
struct job_traits<Ref<ResultJob<T, Ex>>> {
  using result = T;
};

// A done job in the form the caller asked for.
template <class T, class Ex>
Outcome<T> give(getres::flat_t, Ref<ResultJob<T, Ex>> job) {
  if (job->error()) return job->error();
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(job->value());
}
template <class T, class Ex>
auto give(getres::pair_t, Ref<ResultJob<T, Ex>> job) {
  std::pair<std::optional<void_to_monostate<T>>, std::exception_ptr> pair(std::nullopt, job->error());
  if (!pair.second) {
    if constexpr (std::is_void_v<T>)
      pair.first.emplace();
    else
      pair.first.emplace(std::move(job->value()));
  }
  return pair;
}
template <class T, class Ex>
BasicTask<T, Ex> give(getres::dont_t, Ref<ResultJob<T, Ex>> job) {
  return TaskAccess::make(std::move(job));
}

template <class Source, class Each>
using EachResult = typename job_traits<typename Each::template Job<typename Source::value_type>>::result;

template <class Tag, class Ex, class Source, class Each, class T = EachResult<Source, Each>>
auto map_all(Ref<BasicEngine<Ex>> engine, Source source, Each each)
    -> asio::awaitable<
        std::vector<decltype(give(Tag{}, std::declval<Ref<ResultJob<T, Ex>>>()))>, Ex> {
  std::vector<Ref<ResultJob<T, Ex>>> jobs;
  std::exception_ptr failure;
  try {
    for (;;) {
      Ref<ResultJob<T, Ex>> job;
      if constexpr (Source::asynchronous) {
        auto element = co_await source.next();
        if (!element) break;
        job = each(*engine, std::move(*element));
      } else {
        const auto use = [&](auto&& element) {
          job = each(*engine, std::forward<decltype(element)>(element));
        };
        if (!source.pull(use)) break;
      }
      if (!engine->try_submit(*job)) co_await engine->enter(job);
      jobs.push_back(std::move(job));
    }
    for (auto& job : jobs) co_await wait_for_job<Ex>(job);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    std::vector<Ref<TaskBase>> handed_in(jobs.begin(), jobs.end());
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await cancel_and_join<Ex>(std::move(handed_in));
    co_await asio::this_coro::throw_if_cancelled(throws);
    std::rethrow_exception(failure);
  }
  std::vector<decltype(give(Tag{}, jobs.front()))> results;
  results.reserve(jobs.size());
  for (auto& job : jobs) results.push_back(give(Tag{}, std::move(job)));
  co_return results;
}

template <class Ex, class Source, class Each, class T = EachResult<Source, Each>>
std::vector<BasicTask<T, Ex>> map_now(const Ref<BasicEngine<Ex>>& engine, Source source, Each each) {
  std::vector<BasicTask<T, Ex>> tasks;
  while (source.pull([&](auto&& element) {
    tasks.push_back(submit_job_nowait(*engine, each(*engine, std::forward<decltype(element)>(element))));
  })) {
  }
  return tasks;
}

template <bool Batches, class Ex, class Source, class Each, class T = EachResult<Source, Each>>
auto iterate(Ref<BasicEngine<Ex>> engine, std::size_t window, IterOptions options, Source source,
             Each each) {
  using Feed = StreamFeed<Ex, Source, Each, OutcomeElement<T>>;
  using Batch = std::vector<Outcome<T>>;
  Feed feed(std::move(engine), EngineConfig{}, window, false, std::move(source), std::move(each));
  const auto batches = [&](IterOptions wanted) {
    return AsyncGenerator<Batch, Ex>(
        std::make_unique<BatchStream<Ex, T, Feed>>(std::move(feed), wanted));
  };
  if constexpr (Batches) {
    return batches(options);
  } else {
    using Element = OutcomeElement<T>;
    options.yield_when = options.yield_when.value_or(ReturnWhen::first_completed);
    if (options.yield_when == ReturnWhen::first_completed)
      return AsyncGenerator<Outcome<T>, Ex>(
          std::make_unique<ResultStream<Ex, T, Feed, Element>>(std::move(feed)));
    return AsyncGenerator<Outcome<T>, Ex>(
        std::make_unique<FlatStream<Outcome<T>, Ex>>(batches(options)));
  }
}

// ---- cancelling and telling how it went

template <class Result, class Ex, class T>
asio::awaitable<Result, Ex> cancel_all_of_impl(std::vector<BasicTask<T, Ex>> tasks) {
  Result result;
  std::vector<Ref<TaskBase>> asked;
  std::vector<BasicTask<T, Ex>> handles;
  for (auto& task : tasks)
    if (task.cancel()) {
      asked.emplace_back(TaskAccess::job(task));
      handles.push_back(task);
    }
  result.count = asked.size();
  for (auto& job : asked) co_await wait_for_job<Ex>(job);
  for (auto& task : handles) result.outcomes.push_back(TaskAccess::outcome(task));
  co_return result;
}

template <class Result, class T, class Ex>
asio::awaitable<Result, Ex> cancel_all_of(std::vector<BasicTask<T, Ex>> tasks) {
  return cancel_all_of_impl<Result, Ex, T>(std::move(tasks));
}

// Jobs whose types are not known any more: success or error.
template <class Result, class Ex>
asio::awaitable<Result, Ex> cancel_jobs(std::vector<Ref<TaskBase>> jobs) {
  Result result;
  result.count = jobs.size();
  for (auto& job : jobs) co_await wait_for_job<Ex>(job);
  for (auto& job : jobs)
    job->error() ? result.outcomes.emplace_back(job->error()) : result.outcomes.emplace_back();
  co_return result;
}

template <template <class> class Result, class Ex, class First, class... Rest>
auto cancel_tasks(const Ref<BasicEngine<Ex>>&, const BasicTask<First, Ex>& first,
                  const BasicTask<Rest, Ex>&... rest) {
  if constexpr ((std::is_same_v<First, Rest> && ...)) {
    return cancel_all_of<Result<First>>(std::vector<BasicTask<First, Ex>>{first, rest...});
  } else {
    std::vector<Ref<TaskBase>> asked;
    const auto ask = [&](const auto& task) {
      if (task.cancel()) asked.emplace_back(TaskAccess::job(task));
    };
    ask(first);
    (ask(rest), ...);
    return cancel_jobs<Result<void>, Ex>(std::move(asked));
  }
}

}  // namespace coroexec::detail
