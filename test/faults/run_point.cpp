#include "run_point.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/experimental/channel_error.hpp>
#include <thread>

#include "memory.hpp"
#include "stepper.hpp"

namespace coroexec::faults {
namespace {

constexpr std::size_t too_many_steps = 20'000;
constexpr std::chrono::seconds too_long{1};

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// ---- how a scenario may end

bool is_code(const std::exception_ptr& error, boost::system::error_code code) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    return e.code() == code;
  } catch (...) {
    return false;
  }
}

bool is_no_memory(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return true;
  } catch (const ConcurrentError& e) {
    return is_no_memory(e.cause());
  } catch (const TaskGroupError& e) {
    for (auto& one : e.errors())
      if (is_no_memory(one.exception)) return true;
    return false;
  } catch (...) {
    return false;
  }
}

class Run {
 public:
  explicit Run(const Point& point) : point_(point) {}

  PointResult result;

  // The scenario's own end.
  void ended(std::exception_ptr error, int value) {
    const NotCounted own;
    ended_ = true;
    if (!error) {
      result.end = value == point_.scenario->expected ? "right" : "wrong";
    } else if (is_no_memory(error)) {
      result.end = "no memory";
    } else if (is_code(error, asio::error::operation_aborted) ||
               is_code(error, asio::experimental::error::channel_cancelled)) {
      result.end = "cancelled";
    } else {
      result.end = "error";
    }
    error_ = error;
    value_ = value;
  }
  bool has_ended() const { return ended_; }

  bool thrown_by_run = false;  // the lack of memory

  void complain(std::string what) {
    if (!result.violation) result.violation = std::move(what);
  }

  // Is it an end that this kind of fault may bring?
  void check_end(bool has_failed) {
    const bool memory = point_.kind == Kind::memory;
    const bool left = point_.kind == Kind::stop || point_.kind == Kind::destroy;
    if (!ended_) {
      if (!left || point_.n == 0) complain("has not ended");
      return;
    }
    const auto& end = result.end;
    if (end == "right") return;
    if (end == "no memory" && memory && has_failed) return;
    // Asio destroys a coroutine whose operation cannot be started, and run() throws the reason: what is left of
    // the scenario sees that something was dropped.
    if (thrown_by_run) return;
    // An executor whose job has failed takes no more: which job, and why, is told by join().
    if (memory && has_failed && error_ && is_code(error_, make_error_code(errc::closed))) return;
    if (end == "cancelled" && (point_.kind == Kind::cancel || left)) return;
    complain(error_ ? "ended with: " + detail::message_of(error_) : "gave " + std::to_string(value_));
  }

  const Point& point() const { return point_; }

 private:
  const Point point_;
  bool ended_ = false;
  std::exception_ptr error_;
  int value_ = 0;
};

// A context that cannot be made is Asio's matter: newer ones leak a block then.
template <class Context, class... Arguments>
void make(std::optional<Context>& context, Arguments&&... arguments) {
  const NotCounted own;
  context.emplace(std::forward<Arguments>(arguments)...);
}

// ---- on a SchedulingContext

struct Left {};  // leaves run()

class InScheduling {
 public:
  explicit InScheduling(Run& run) : run_(run), point_(run.point()) {}

  void go(CountedMemory& memory) {
    const bool steps = point_.kind != Kind::memory;
    std::optional<Stepper> stepper;
    std::optional<SchedulingContext> context;
    make(context, SchedulingOptions{.virtual_time = true, .order = point_.scenario->name == "priority_lock" ? ReadyOrder::priority : ReadyOrder::fifo});
    if (steps) stepper.emplace(*context, [this] { step(); });
    std::exception_ptr error;
    const auto main = [&]() -> awaitable<int> { return host(); };
    bool left = false;
    try {
      context->run(main);
    } catch (const Left&) {
      left = true;
    } catch (...) {
      error = std::current_exception();
    }
    if (left && point_.kind == Kind::pause) {
      left = false;
      try {
        const auto waits = [&]() -> awaitable<int> { co_await owner_->wait(); co_return 0; };
        if (owner_) context->run(waits);
        else context->run(main);
      } catch (...) {
        error = std::current_exception();
      }
    }
    if (left && point_.kind == Kind::stop && owner_) owner_->cancel();
    memory.relent();
    if (stepper) stepper->leave();
    context.reset();
    const NotCounted own;
    // Where its own main has no memory the task is not at fault.
    if (error && is_no_memory(error)) run_.ended(error, 0);
    else if (owner_ && !owner_->done()) run_.complain("its task is not done after its context");
    else if (owner_) run_.ended(owner_->exception(), owner_->exception() ? 0 : owner_->result());
    else if (error) run_.ended(error, 0);
    if (error && owner_ && !is_no_memory(error)) run_.complain("run(): " + detail::message_of(error));
    run_.result.points = steps ? steps_ : memory.count();
  }

 private:
  awaitable<int> host() {
    owner_ = SchedulingContext::current().create_task(point_.scenario->run, current_home());
    co_await owner_->wait();
    co_return 0;
  }
  static Home current_home() { return SchedulingContext::current().get_executor(); }

  void step() {
    if (++steps_ > too_many_steps) throw Violation("never ends");
    if (steps_ != point_.n) return;
    if (point_.kind != Kind::cancel) throw Left();
    if (owner_) owner_->cancel();
  }

  Run& run_;
  const Point& point_;
  std::optional<Task<int>> owner_;
  std::size_t steps_ = 0;
};

// ---- on an io_context

class InPlain {
 public:
  explicit InPlain(Run& run) : run_(run), point_(run.point()) {}

  void go(CountedMemory& memory) {
    asio::cancellation_signal signal;
    {
      std::optional<asio::io_context> made;
      make(made, 1);
      asio::io_context& context = *made;
      const auto ended = [this](std::exception_ptr error, int value) { run_.ended(error, value); };
      try {
        asio::co_spawn(context, point_.scenario->run(context.get_executor()),
                       asio::bind_cancellation_slot(signal.slot(), ended));
      } catch (...) {
        run_.ended(std::current_exception(), 0);
      }
      turn(context, signal);
      if (left_ && point_.kind == Kind::pause) left_ = false, context.restart(), turn(context, signal);
      if (left_ && point_.kind == Kind::stop) signal.emit(asio::cancellation_type::terminal);
      if (run_.thrown_by_run && !run_.has_ended()) run_.ended(std::make_exception_ptr(std::bad_alloc()), 0);
      if (!left_ && !run_.has_ended()) run_.complain("nothing is left to do, and it has not ended");
      memory.relent();
    }
    const bool steps = point_.kind != Kind::memory;
    run_.result.points = steps ? steps_ : memory.count();
  }

 private:
  void turn(asio::io_context& context, asio::cancellation_signal& signal) {
    while (!run_.has_ended()) {
      bool ran = false;
      try {
        ran = context.run_one_for(too_long) > 0;
      } catch (const std::bad_alloc&) {  // a handler's, or the start of an operation, whose coroutine is gone
        ran = run_.thrown_by_run = true;
      }
      if (!ran) return;
      if (++steps_ > too_many_steps) throw Violation("never ends");
      if (steps_ != point_.n) continue;
      if (point_.kind == Kind::cancel) signal.emit(asio::cancellation_type::terminal);
      else if (point_.kind >= Kind::pause) return left_ = true, context.stop();
    }
  }

  Run& run_;
  const Point& point_;
  std::size_t steps_ = 0;
  bool left_ = false;
};

void run_here(Run& run) {
  CountedMemory memory(run.point().kind == Kind::memory ? run.point().n : 0);
  try {
    if (run.point().host == Host::scheduling) InScheduling{run}.go(memory);
    else InPlain{run}.go(memory);
  } catch (const std::bad_alloc&) {
    if (!run.has_ended()) run.ended(std::current_exception(), 0);
    run.result.points = memory.count();
  } catch (const Violation& violation) {
    run.complain(violation.what());
  }
  run.check_end(memory.failed());
}

}  // namespace

std::string to_string(Kind kind) {
  constexpr std::string_view names[] = {"memory", "cancel", "pause", "stop", "destroy"};
  return std::string(names[static_cast<std::size_t>(kind)]);
}
std::string to_string(Host host) { return host == Host::scheduling ? "scheduling" : "plain"; }

PointResult run_point(const Point& point) {
  PointResult result;
  const auto before = live_blocks();
  {
    std::optional<Run> run(point);
    std::thread([&] { run_here(*run); }).join();
    result = run->result;
  }
  const auto left = static_cast<long>(live_blocks() - before);
  if (left != 0 && !result.violation) result.violation = "leaves " + std::to_string(left) + " blocks of memory";
  return result;
}

}  // namespace coroexec::faults
