// JobTimes: an observer that keeps how long jobs waited for their start and how long they ran.
//
//   auto times = std::make_shared<JobTimes>();
//   coroexec::observe(executor, times);
//   …
//   times->waiting().percentile(99);   // nanoseconds
#pragma once

#include <cstdint>
#include <mutex>

#include "coroexec/duration_histogram.hpp"
#include "coroexec/observer.hpp"

namespace coroexec {

// Of the jobs that users hand in; bodies of scopes and operations of gather, race and with_timeout are left out.
// Constant memory. Any thread.
class COROEXEC_DECL JobTimes : public Observer {
 public:
  // From the acceptance to the start, of all jobs that have started and ended.
  DurationHistogram waiting() const;
  // From the start to the end, waits included, of the same.
  DurationHistogram running() const;

  // How many jobs have ended so; of the observed ones, where one in many is.
  struct Ends {
    std::uint64_t succeeded = 0;  // with a result
    std::uint64_t failed = 0;     // with an error
    std::uint64_t cancelled = 0;  // on a cancel, or in the queue
  };
  // The counts of this moment.
  Ends ends() const;

  void job_ended(const TaskView& job) noexcept override;  // counts it

 private:
  mutable std::mutex mutex_;
  DurationHistogram waiting_, running_;
  Ends ends_;
};

}  // namespace coroexec
