// Who looks on: a trace file, a server for metrics.
#pragma once

#include <coroexec/coroexec.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "metrics_server.hpp"
#include "options.hpp"
#include "trace_file.hpp"

namespace fetch {

// Told of all scopes made from now on, but of those of the server for metrics.
struct Watch {
  Watch(asio::any_io_executor executor, const Options& options, MetricsServer::More more = {}) {
    std::vector<std::shared_ptr<coroexec::Observer>> observers;
    if (!options.trace.empty()) observers.push_back(trace.emplace(options.trace).observer());
    if (options.metrics) {
      auto times = std::make_shared<coroexec::JobTimes>();
      metrics.emplace(executor, *options.metrics, times, std::move(more));
      if (*options.metrics == 0) std::cerr << "coroexec-fetch: metrics are at " << metrics->address() << '\n';
      observers.push_back(std::move(times));
    }
    if (!observers.empty()) coroexec::observe(executor, coroexec::observers(std::move(observers)));
  }
  std::optional<TraceFile> trace;
  std::optional<MetricsServer> metrics;
};

}  // namespace fetch
