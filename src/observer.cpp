#include "coroexec/observer.hpp"

#include <utility>

namespace coroexec {

Observer::~Observer() = default;
void Observer::job_queued(const TaskView&) noexcept {}
void Observer::job_started(const TaskView&) noexcept {}
void Observer::job_ended(const TaskView&) noexcept {}

namespace {

class Several final : public Observer {
 public:
  explicit Several(std::vector<std::shared_ptr<Observer>> given) : observers_(std::move(given)) {
    std::erase(observers_, nullptr);
  }
  void job_queued(const TaskView& job) noexcept override {
    for (auto& observer : observers_) observer->job_queued(job);
  }
  void job_started(const TaskView& job) noexcept override {
    for (auto& observer : observers_) observer->job_started(job);
  }
  void job_ended(const TaskView& job) noexcept override {
    for (auto& observer : observers_) observer->job_ended(job);
  }

 private:
  std::vector<std::shared_ptr<Observer>> observers_;
};

}  // namespace

std::shared_ptr<Observer> observers(std::vector<std::shared_ptr<Observer>> several) {
  return std::make_shared<Several>(std::move(several));
}

}  // namespace coroexec
