// What the library keeps for each execution context: memory whose lifetime is the context's, and the
// list of what must be told when the context is destroyed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <deque>
#include <mutex>
#include <vector>

#include "coroexec/detail/intrusive_list.hpp"
#include "coroexec/detail/optional_mutex.hpp"
#include "coroexec/detail/run_queue.hpp"
#include "coroexec/detail/worker.hpp"

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
  // The lists on which `job` is parked: what it waits for.
  std::vector<const WaitList*> waits_of(const TaskBase& job);

 private:
  void shutdown() override;
  Engine* find_kept_locked(const KeptKey& key) noexcept;

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
  struct Lists;
  Lists* lists_;
};

}  // namespace coroexec::detail
