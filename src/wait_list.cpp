#include "coroexec/detail/wait_list.hpp"

#include "coroexec/detail/task_base.hpp"

namespace coroexec::detail {

void WaitList::park(WaitNode& node, Condition ready) {
  node.service_.add(node);
  {
    std::lock_guard lock(node.owner_mutex_);
    if (!ready()) return link(node);
  }
  node.service_.remove(node);
  node.post();
}

void WaitList::append_jobs(std::vector<Ref<TaskBase>>& jobs) const {
  for (auto* node = nodes_.front(); node; node = nodes_.next(*node))
    if (node->worker && node->worker->job) jobs.emplace_back(node->worker->job);
}

void WaitList::link(WaitNode& node) noexcept {
  node.list_ = this;
  nodes_.push_back(node);
}

void WaitList::unlink(WaitNode& node) noexcept {
  node.list_ = nullptr;
  nodes_.remove(node);
}

void WaitList::move_to(Taken& taken) noexcept {
  taken.nodes_ = nodes_.take_all();
  for (auto* node = taken.nodes_.front(); node; node = taken.nodes_.next(*node)) node->list_ = nullptr;
}

void WaitList::Taken::append_all(Taken& other) noexcept {
  while (auto* node = other.nodes_.pop_front()) nodes_.push_back(*node);
}

void WaitList::Taken::complete_all() noexcept {
  while (auto* node = nodes_.pop_front()) {
    node->service_.remove(*node);
    try {
      node->post();
    } catch (...) {  // no memory to post with: the node is dropped with what it would have run in
    }
  }
}

void WaitList::cancel(WaitNode& node) noexcept {
  {
    std::lock_guard lock(node.owner_mutex_);
    if (!node.list_) return;
    node.list_->unlink(node);
  }
  node.result_ = asio::error::operation_aborted;
  Taken taken;
  taken.nodes_.push_back(node);
}

}  // namespace coroexec::detail
