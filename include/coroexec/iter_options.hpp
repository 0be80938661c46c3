// How waiting for many jobs is bounded: for wait, iterwait and itermap.
#pragma once

#include <chrono>
#include <optional>

#include "coroexec/options.hpp"

namespace coroexec {

// When a wait for several is over.
enum class ReturnWhen { all_completed, first_completed, first_exception };

// For wait(): that it is out of time is no error.
struct WaitOptions {
  std::chrono::nanoseconds timeout = no_timeout;           // from the call on
  ReturnWhen return_when = ReturnWhen::all_completed;      // or once one has, or one has failed
};

// A batch is given when `yield_when` holds for what is in hand, or `timeout` after it was asked for,
// empty then if need be. Unset: first_completed where elements come one by one, all_completed in
// batches. first_exception also holds once all have completed.
struct IterOptions {
  std::chrono::nanoseconds timeout = no_timeout;        // of each batch, from when it is asked for
  std::optional<ReturnWhen> yield_when = std::nullopt;  // what makes a batch complete
};

}  // namespace coroexec
