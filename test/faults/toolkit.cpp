// Eager starts, monitors, generators, contexts; and what only a SchedulingContext can do.
#include "scenario.hpp"

namespace coroexec::faults {
namespace {

using namespace std::chrono_literals;

// The scenario itself need not be a job: so these are started from one.
template <class Body>
awaitable<int> as_job(Home home, Body body) {
  AioPool pool(home, 1);
  co_return co_await pool.exec(std::move(body));
}

awaitable<int> eager_starts(Home home) {
  const auto first = eager(home, at_once(1));
  const auto second = coro_eager(home, twice(2));
  const auto third = func_eager(home, twice)(3);
  const auto fourth = create_task(home, twice(4));
  int sum = first.result();
  sum += co_await second.get();
  sum += co_await third.get();
  sum += co_await fourth.get();
  co_return sum;
}

awaitable<int> eager_in_a_job(Home home) {
  const auto body = [](CoroutineExecutor& scope) -> awaitable<int> {
    const auto into_scope = [&](auto rest) { return scope.submit_nowait(std::move(rest)); };
    const Task<int> child = eager(twice(1), into_scope);
    const auto free = eager(TaskOptions{.name = "free"}, twice(2));
    const auto later = create_task(twice(3));
    co_return co_await child.get() + co_await free.get() + co_await later.get();
  };
  const auto job = [&]() -> awaitable<int> { co_return co_await with_executor({.max_workers = 2}, body); };
  co_return co_await as_job(home, job);
}

awaitable<int> coro_start(Home home) {
  CoroStart<int> done(home, at_once(1));
  CoroStart<int> goes_on(home, after(10us, 2));
  CoroStart<void> closed(home, sleep_an_hour());
  CoroStart<void> ended(home, sleep_an_hour());
  CoroStart<void> dropped(home, sleep_an_hour());
  int sum = done.result();
  sum += co_await goes_on.as_coroutine();
  closed.close();
  co_await ended.aclose();
  sum += 10 * co_await coro_await(twice(1), copy_context());
  co_return sum;
}

awaitable<int> monitor(Home) {
  Monitor<int, int> monitor;
  const auto speaks = [](Monitor<int, int> m) -> awaitable<int> {
    const int first = co_await m.oob(1);
    co_await this_task::yield();
    const int second = co_await m.oob(first + 1);
    co_return second;
  };
  auto coroutine = monitor(speaks(monitor));
  int sum = 0;
  auto said = co_await coroutine.next();
  for (int n = 10; said.index() == 0; n *= 10) {
    sum += std::get<0>(said).data;
    said = co_await monitor.next(coroutine, n);
  }
  sum += std::get<1>(said);
  auto left = monitor(speaks(monitor));
  const auto awaits = [&]() -> awaitable<void> { (void)co_await monitor.aawait(left); };
  co_return sum + 1000 * co_await ends_with<OOBData<int>>(awaits());
}

awaitable<int> generator_object(Home) {
  const auto echo = [](GeneratorObject<int, int> g) -> awaitable<void> {
    const auto first = co_await g.ayield(1);
    co_await this_task::yield();
    co_await g.ayield(10 + first.value_or(0));
    co_await g.ayield(100);
  };
  GeneratorObject<int, int> g;
  auto iterator = g(echo(g));
  int sum = (co_await iterator.next()).value_or(0);
  sum += (co_await iterator.asend(5)).value_or(0);
  sum += 1000 * co_await ends_with<Broken>(iterator.athrow(Broken()));
  GeneratorObject<int, int> other;
  auto closed = other(echo(other));
  sum += (co_await closed.next()).value_or(0);
  co_await closed.aclose();
  co_return sum;
}

awaitable<int> generates(Home) {
  const auto numbers = [](Yield<int> yield) -> awaitable<void> {
    for (int i = 1; i <= 3; ++i) co_await yield(i);
  };
  int sum = 0;
  auto stream = generate<int>(numbers);
  while (auto n = co_await stream.next()) sum += *n;
  auto dropped = generate<int>(numbers);
  sum += (co_await dropped.next()).value_or(0);
  co_return sum;
}

ContextVar<int>& variable() {
  static ContextVar<int> instance("variable", 0);
  return instance;
}
awaitable<int> reads_and_sets() {
  co_await this_task::yield();
  const int before = variable().get();
  variable().set(5);
  co_return before;
}

awaitable<int> context_variables(Home home) {
  const auto job = []() -> awaitable<int> {
    variable().set(1);
    AioPool pool(co_await asio::this_coro::executor, 1);
    int sum = co_await pool.exec(reads_and_sets);
    const Context own = copy_context();
    sum += own.run([] { return variable().set(7), variable().get(); });
    co_return sum + 10 * variable().get();
  };
  const auto spawned = std::make_shared<int>(-1);
  const auto failed = std::make_shared<std::exception_ptr>();
  auto told = [s = spawned, failed](std::exception_ptr error, int n) { *s = n, *failed = error; };
  asio::co_spawn(with_context(home, Context()), reads_and_sets, std::move(told));
  while (*spawned < 0 && spawned.use_count() > 1) co_await sleep_for(10us);  // nobody is told of what was dropped
  if (*failed) std::rethrow_exception(*failed);
  co_return *spawned + co_await as_job(home, job);
}

awaitable<int> coro_iterates(Home) {
  const auto two = [] { return twice(1); };
  const auto iterates = coro_iter(two);
  const auto once = coro_iter(twice(5));
  const int first = co_await iterates();
  const int second = co_await iterates();
  co_return first + second + co_await once();
}

awaitable<int> awaits_in_place(Home) {
  const auto numbers = [](Yield<int> yield) -> awaitable<void> {
    for (int i = 1; i <= 3; ++i) co_await yield(i);
  };
  int sum = await_sync(twice(1));
  for (int n : aiter_sync(generate<int>(numbers))) sum += n;
  try {
    await_sync(sleep_an_hour());
  } catch (const boost::system::system_error& error) {
    if (error.code() != make_error_code(errc::invalid_state)) throw;
    sum += 10;
  }
  co_return sum;
}

// ---- on a SchedulingContext

awaitable<int> priority_lock(Home) {
  PriorityLock lock;
  int taken = 0;
  const auto takes = [&]() -> awaitable<void> {
    const auto guard = co_await lock.lock();
    co_await this_task::yield();
    ++taken;
  };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    const auto first = group.start_soon(takes);
    group.start_soon(takes);
    const auto third = group.start_soon(takes);
    set_priority(third, high_priority);
    co_await this_task::yield();
    (void)effective_priority(first);
    co_await third.get();
  };
  co_await with_task_group(body);
  co_return taken;
}

awaitable<int> ready_queue(Home) {
  auto& context = SchedulingContext::current();
  const auto first = context.create_task(twice, 1);
  const auto second = context.create_task({.name = "second"}, twice, 2);
  task_reinsert(second, 0);
  co_await sleep_insert(1);
  auto popped = context.ready_pop(static_cast<std::ptrdiff_t>(context.ready_index(first)));
  context.ready_append(std::move(popped));
  context.ready_rotate();
  const auto called = std::make_shared<int>(0);
  const auto call = context.call_insert(0, [called] { ++*called; });
  co_await task_switch(first);
  const auto below = co_await create_task_descend(twice, 3);
  const auto dropped = context.create_task(sleep_an_hour);
  { const auto handle = context.ready_pop(static_cast<std::ptrdiff_t>(context.ready_index(dropped))); }
  const auto known = all_tasks(context).size() + runnable_tasks(context).size() + blocked_tasks(context).size();
  const int sum = co_await first.get() + co_await second.get() + co_await below.get();
  co_return sum + 100 * *called + 1000 * was_cancelled(dropped) + (known ? 0 : 1);
}

awaitable<int> virtual_time(Home) {
  auto& context = SchedulingContext::current();
  const auto begin = context.now();
  const auto task = context.create_task({.timeout = 1min}, sleep_an_hour);
  co_await sleep_for(30min);
  context.advance(1h);
  const auto hours = std::chrono::duration_cast<std::chrono::minutes>(context.now() - begin).count();
  co_return static_cast<int>(hours) + (was_cancelled(task) ? 1 : 0);
}

}  // namespace

std::vector<Scenario> toolkit_scenarios() {
  return {{"eager", 19, eager_starts},
          {"eager_in_a_job", 12, eager_in_a_job},
          {"coro_start", 23, coro_start},
          {"monitor", 1112, monitor},
          {"generator_object", 1017, generator_object},
          {"generate", 7, generates},
          {"context", 18, context_variables},
          {"coro_iter", 14, coro_iterates},
          {"await_sync", 18, awaits_in_place, false, context_without_memory},
          {"priority_lock", 3, priority_lock, true},
          {"ready_queue", 1112, ready_queue, true},
          {"virtual_time", 91, virtual_time, true}};
}

}  // namespace coroexec::faults
