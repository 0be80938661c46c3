// What the library keeps for each execution context: memory whose lifetime is the context's, and the
// list of what must be told when the context is destroyed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "coroexec/detail/intrusive_list.hpp"
#include "coroexec/detail/optional_mutex.hpp"
#include "coroexec/detail/run_queue.hpp"
#include "coroexec/detail/worker.hpp"

namespace coroexec {
class Observer;
}  // namespace coroexec

namespace coroexec::detail {

class ContextClock;
class Engine;
class Handover;
class TaskBase;
class WaitList;
class WaitNode;
template <class T>
class Ref;
struct KeptKey;

// How many jobs of scopes that have gone ended so.
struct EndedJobs {
  std::uint64_t succeeded = 0, failed = 0, cancelled = 0;
  EndedJobs& operator+=(const EndedJobs& more) noexcept {
    succeeded += more.succeeded;
    failed += more.failed;
    cancelled += more.cancelled;
    return *this;
  }
};

class COROEXEC_DECL ContextService : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;
  explicit ContextService(asio::execution_context& context);
  ~ContextService() override;

  static ContextService& of(asio::execution_context& context);
  template <class Ex>
  static ContextService& of(const Ex& executor) {
    asio::execution_context& context = asio::query(executor, asio::execution::context);
    return of(context);
  }

  // Set by whoever owns the context and knows that one thread runs it.
  void set_single_threaded() noexcept { single_threaded_ = true; }
  bool single_threaded() const noexcept { return single_threaded_; }

  // Set by a SchedulingContext: one queue for all that happens on it, and its own time. Both are null
  // elsewhere.
  void set_scheduling(RunQueue& ready, ContextClock& clock) noexcept {
    ready_ = &ready;
    clock_ = &clock;
  }
  bool has_ready_queue() const noexcept { return ready_ != nullptr; }
  ContextClock* clock() const noexcept { return clock_; }

  // All share the ready queue where there is one, unless it has to be a separate one.
  RunQueue& acquire_queue(const asio::any_io_executor& target, bool separate = false);
  void release_queue(RunQueue& queue) noexcept;
  Worker& acquire_worker();
  void release_worker(Worker& worker) noexcept;

  void add(Engine& engine);
  void remove(Engine& engine) noexcept;
  // Who is told of the jobs of engines that are added from now on; null: nobody. Of one job in so many.
  void observe(std::shared_ptr<Observer> observer, std::size_t one_in);

  // The engines kept for tasks of no scope, each for one executor (kept_engine.hpp). Adding one lets
  // those go that have nothing to do, and gives the one that another thread has added meanwhile.
  Ref<Engine> find_kept(const KeptKey& key);
  Ref<Engine> keep(const KeptKey& key, Ref<Engine> engine);
  void add(WaitNode& node);
  void remove(WaitNode& node) noexcept;
  void add(Handover& handover) noexcept;
  void remove(Handover& handover) noexcept;
  std::vector<Ref<Handover>> generators();  // whose bodies have started and not ended

  std::vector<Ref<Engine>> engines();
  // With the jobs of those that have gone and had an observer, by kind and name; in one moment.
  using Ended = std::map<std::pair<std::string, std::string>, EndedJobs>;
  std::pair<std::vector<Ref<Engine>>, Ended> engines_and_ended();
  // Has every scope locks? Then engines() may be asked by any thread, else by the one that runs the context.
  bool all_have_threads();
  std::vector<const Worker*> parked_workers();  // whose jobs wait in the library for something
  // The lists on which `job` is parked: what it waits for.
  std::vector<const WaitList*> waits_of(const TaskBase& job);

  // All services of the process: for a debugger.
  static ContextService* first_in_process;
  ContextService* next_in_process = nullptr;

 private:
  void shutdown() override;
  Engine* find_kept_locked(const KeptKey& key) noexcept;
  std::vector<Ref<Engine>> engines_locked();
  void count_ended_locked(const Engine& engine, const EndedJobs& jobs) noexcept;

  std::mutex mutex_;       // never held while another of our mutexes is taken
  std::mutex wait_mutex_;  // for the parked handlers; never taken while an owner's is held
  bool single_threaded_ = false;
  bool shut_down_ = false;  // takes no engines
  bool dead_ = false;       // nor parked handlers
  RunQueue* ready_ = nullptr;
  ContextClock* clock_ = nullptr;
  std::deque<RunQueue> queues_;
  std::vector<RunQueue*> free_queues_;
  std::deque<Worker> workers_;
  std::vector<Worker*> free_workers_;
  std::vector<Engine*> engines_;
  struct Lists;
  Lists* lists_;
};

}  // namespace coroexec::detail
