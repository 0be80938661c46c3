// open_metrics(): what a context's scopes do, as OpenMetrics text, for Prometheus and its like to scrape.
#pragma once

#include <iosfwd>
#include <string_view>

#include "coroexec/detail/context_service.hpp"
#include "coroexec/job_times.hpp"

namespace coroexec {

namespace detail {
COROEXEC_DECL void write_open_metrics(std::ostream& out, ContextService& service,
                                      const JobTimes* times);
}  // namespace detail

// The type to answer a scrape with.
inline constexpr std::string_view open_metrics_content_type =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

// Writes, for each kind and name of scope on the context of `executor`,
//
//   coroexec_scopes, coroexec_jobs_waiting, coroexec_jobs_queued, coroexec_jobs_active   now
//   coroexec_jobs_total{state="succeeded"|"failed"|"cancelled"}                           since the beginning
//
// and with `times`, which has to observe the context for that, the histograms coroexec_job_waiting_seconds and
// coroexec_job_running_seconds. The total is of scopes that have an Observer, any one: theirs stay in the count when they have gone; beyond
// a hundred different names they do so without the name.
//
// Any thread if every scope on the context is of Threading::multi; else the one that runs the context.
template <class Executor>
void open_metrics(std::ostream& out, const Executor& executor, const JobTimes* times = nullptr) {
  detail::write_open_metrics(out, detail::ContextService::of(executor), times);
}

}  // namespace coroexec
