#include "coroexec/detail/context_service.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

#include "coroexec/detail/engine.hpp"
#include "coroexec/detail/handover.hpp"
#include "coroexec/detail/kept_engine.hpp"
#include "coroexec/detail/make_room.hpp"

namespace coroexec::detail {

struct ContextService::Lists {
  IntrusiveList<WaitNode, &WaitNode::in_service_> waiting;
  IntrusiveList<Handover, &Handover::in_service> handovers;
  std::vector<std::pair<KeptKey, Ref<Engine>>> kept;
  std::shared_ptr<Observer> observer;
  std::uint64_t sample_mask = 0;
  Ended ended;
};

asio::execution_context::id ContextService::id;

namespace {

// What observers see of several contexts is told apart by numbers of the process.
std::atomic<std::uint64_t> last_engine{0};
std::atomic<std::uint32_t> last_worker{0};

std::mutex& mutex_of_process() noexcept {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

ContextService* ContextService::first_in_process = nullptr;

ContextService::ContextService(asio::execution_context& context)
    : asio::execution_context::service(context), lists_(new Lists) {
  std::lock_guard lock(mutex_of_process());
  next_in_process = std::exchange(first_in_process, this);
}

ContextService::~ContextService() {
  {
    std::lock_guard lock(mutex_of_process());
    auto** place = &first_in_process;
    while (*place != this) place = &(*place)->next_in_process;
    *place = next_in_process;
  }
  delete lists_;
}

ContextService& ContextService::of(asio::execution_context& context) {
  return asio::use_service<ContextService>(context);
}

// One that served the same executor before is taken first, so that a queue's target hardly ever
// changes; another only if nothing is going on in it.
RunQueue& ContextService::acquire_queue(const asio::any_io_executor& target, bool separate) {
  if (ready_ && !separate) return *ready_;
  constexpr std::size_t look_at = 8;
  std::lock_guard lock(mutex_);
  std::size_t free_one = free_queues_.size();
  for (std::size_t i = free_queues_.size(), looked = 0; i-- > 0 && looked < look_at; ++looked) {
    if (!free_queues_[i]->is_idle()) continue;
    free_one = i;
    if (free_queues_[i]->target() == target) break;
  }
  RunQueue* queue = nullptr;
  if (free_one < free_queues_.size()) {
    queue = free_queues_[free_one];
    free_queues_.erase(free_queues_.begin() + static_cast<std::ptrdiff_t>(free_one));
    if (queue->target() == target) return *queue;
  } else {
    make_room(free_queues_, queues_.size() + 1);  // so that releasing cannot fail
    queue = &queues_.emplace_back();
  }
  queue->reset(target);
  return *queue;
}

void ContextService::release_queue(RunQueue& queue) noexcept {
  if (&queue == ready_) return;
  std::lock_guard lock(mutex_);
  free_queues_.push_back(&queue);
}

Worker& ContextService::acquire_worker() {
  std::lock_guard lock(mutex_);
  if (free_workers_.empty()) {
    make_room(free_workers_, workers_.size() + 1);
    Worker& worker = workers_.emplace_back();
    worker.number = last_worker.fetch_add(1, std::memory_order_relaxed) + 1;
    return worker;
  }
  Worker& worker = *free_workers_.back();
  free_workers_.pop_back();
  return worker;
}

void ContextService::release_worker(Worker& worker) noexcept {
  std::lock_guard lock(mutex_);
  free_workers_.push_back(&worker);
}

// None for what a coroutine's destructor may still start while its context is being destroyed.
void ContextService::add(Engine& engine) {
  std::lock_guard lock(mutex_);
  if (shut_down_) throw_error(errc::closed, engine.label() + " on an execution context that is being destroyed");
  engine.index_in_service = engines_.size();
  engines_.push_back(&engine);
  engine.be_observed(last_engine.fetch_add(1, std::memory_order_relaxed) + 1, lists_->observer,
                     lists_->sample_mask);
}

void ContextService::observe(std::shared_ptr<Observer> observer, std::size_t one_in) {
  std::lock_guard lock(mutex_);  // the one before, now in `observer`, goes without it
  lists_->observer.swap(observer);
  lists_->sample_mask = std::bit_ceil(std::max<std::uint64_t>(one_in, 1)) - 1;
}

void ContextService::remove(Engine& engine) noexcept {
  EndedJobs jobs;
  if (engine.is_observed()) {
    const Stats stats = engine.stats();
    jobs = {stats.succeeded, stats.failed, stats.cancelled};
  }
  std::lock_guard lock(mutex_);
  auto& engines = engines_;
  const auto index = engine.index_in_service;
  if (index >= engines.size() || engines[index] != &engine) return;  // the context is shutting down
  if (engine.is_observed()) count_ended_locked(engine, jobs);
  engines.back()->index_in_service = engine.index_in_service;
  engines[engine.index_in_service] = engines.back();
  engines.pop_back();
}

// A program may make any number of names.
void ContextService::count_ended_locked(const Engine& engine, const EndedJobs& jobs) noexcept {
  constexpr std::size_t most_names = 100;
  try {
    std::pair label(std::string(engine.kind()), engine.scope_name());
    if (lists_->ended.size() >= most_names && !lists_->ended.contains(label)) label.second.clear();
    lists_->ended[std::move(label)] += jobs;
  } catch (...) {  // no memory: they are not counted
  }
}

Engine* ContextService::find_kept_locked(const KeptKey& wanted) noexcept {
  for (auto& [other, engine] : lists_->kept)
    if (other == wanted) return engine.get();
  return nullptr;
}

Ref<Engine> ContextService::find_kept(const KeptKey& wanted) {
  std::lock_guard lock(mutex_);
  return Ref<Engine>(find_kept_locked(wanted));
}

// A program may make any number of strands: an engine without a job is not kept beside a new one.
Ref<Engine> ContextService::keep(const KeptKey& wanted, Ref<Engine> engine) {
  decltype(lists_->kept) others;
  {
    std::lock_guard lock(mutex_);
    others = lists_->kept;
  }
  std::erase_if(others, [](auto& kept) { return !kept.second->close_if_idle(); });
  std::lock_guard lock(mutex_);
  std::erase_if(lists_->kept, [&](auto& kept) {
    return std::any_of(others.begin(), others.end(),
                       [&](auto& closed) { return closed.second.get() == kept.second.get(); });
  });
  if (auto* first = find_kept_locked(wanted)) return Ref<Engine>(first);
  lists_->kept.emplace_back(wanted, engine);
  return engine;
}

void ContextService::add(WaitNode& node) {
  std::lock_guard lock(wait_mutex_);
  if (!dead_) lists_->waiting.push_back(node);
}

void ContextService::remove(WaitNode& node) noexcept {
  std::lock_guard lock(wait_mutex_);
  if (lists_->waiting.linked(node)) lists_->waiting.remove(node);
}

void ContextService::add(Handover& handover) noexcept {
  std::lock_guard lock(wait_mutex_);
  if (!dead_) lists_->handovers.push_back(handover);
}

void ContextService::remove(Handover& handover) noexcept {
  std::lock_guard lock(wait_mutex_);
  if (lists_->handovers.linked(handover)) lists_->handovers.remove(handover);
}

std::vector<Ref<Handover>> ContextService::generators() {
  std::vector<Ref<Handover>> found;
  std::lock_guard lock(wait_mutex_);
  for (auto* handover = lists_->handovers.front(); handover; handover = lists_->handovers.next(*handover))
    if (handover->is_generator()) found.emplace_back(handover);
  return found;
}

std::vector<Ref<Engine>> ContextService::engines() {
  std::lock_guard lock(mutex_);
  return engines_locked();
}

std::pair<std::vector<Ref<Engine>>, ContextService::Ended> ContextService::engines_and_ended() {
  std::lock_guard lock(mutex_);
  return {engines_locked(), lists_->ended};
}

std::vector<Ref<Engine>> ContextService::engines_locked() {
  std::vector<Ref<Engine>> engines;
  for (auto* engine : engines_)
    if (engine->retain_unless_gone()) engines.push_back(Ref<Engine>::adopt(engine));
  return engines;
}

bool ContextService::all_have_threads() {
  std::lock_guard lock(mutex_);
  return std::ranges::all_of(engines_,
                             [](const Engine* engine) { return engine->threads(); });
}

std::vector<const Worker*> ContextService::parked_workers() {
  std::lock_guard lock(wait_mutex_);
  std::vector<const Worker*> workers;
  for (auto* node = lists_->waiting.front(); node; node = lists_->waiting.next(*node))
    if (node->worker) workers.push_back(node->worker);
  return workers;
}

std::vector<const WaitList*> ContextService::waits_of(const TaskBase& job) {
  std::lock_guard lock(wait_mutex_);
  std::vector<const WaitList*> lists;
  for (auto* node = lists_->waiting.front(); node; node = lists_->waiting.next(*node))
    if (node->worker && node->worker->job == &job && node->list_) lists.push_back(node->list_);
  return lists;
}

// Engines first let go of the context, then the parked handlers are dropped, which destroys the
// coroutines that wait. What those queue from now on is dropped on the spot.
void ContextService::shutdown() {
  const std::vector<Ref<Engine>> engines = this->engines();
  decltype(lists_->kept) kept;  // released last, and with them the executors in their keys
  {
    std::lock_guard lock(mutex_);
    shut_down_ = true;
    engines_.clear();  // a context may call shutdown() twice (Boost 1.83)
    kept.swap(lists_->kept);
  }
  for (auto& engine : engines) engine->context_dies();
  for (auto& queue : queues_) queue.shut_down();
  if (ready_) ready_->shut_down();
  for (auto& engine : engines) engine->abandon();

  IntrusiveList<WaitNode, &WaitNode::in_service_> dropped;
  {
    std::lock_guard lock(wait_mutex_);
    dead_ = true;
    while (auto* node = lists_->waiting.pop_front()) {
      std::lock_guard owner(node->owner_mutex_);
      if (!node->list_) continue;  // on its way already: whoever took it posts it, in vain
      node->list_->unlink(*node);
      dropped.push_back(*node);
    }
  }
  while (auto* node = dropped.pop_front()) node->drop();
  std::vector<Ref<Handover>> handovers;
  {
    std::lock_guard lock(wait_mutex_);
    while (auto* handover = lists_->handovers.pop_front()) handovers.emplace_back(handover);
  }
  for (auto& handover : handovers) handover->context_dies();
}

}  // namespace coroexec::detail
