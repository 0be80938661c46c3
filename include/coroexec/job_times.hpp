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
  DurationHistogram waiting()
      const;  // from the acceptance to the start, of all that have started and ended
  DurationHistogram running() const;  // from the start to the end, waits included, of the same
  // How many have ended so; of the observed ones, where one in many is.
  struct Ends {
    std::uint64_t succeeded = 0, failed = 0, cancelled = 0;
  };
  Ends ends() const;

  void job_ended(const TaskView& job) noexcept override;

 private:
  mutable std::mutex mutex_;
  DurationHistogram waiting_, running_;
  Ends ends_;
};

}  // namespace coroexec
