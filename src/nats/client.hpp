// The C client's types, owned; and how what it says becomes our errors.
#pragma once

#include <nats/nats.h>

#include <memory>
#include <string>
#include <string_view>

#include "coroexec/nats/error.hpp"

namespace coroexec::nats::detail {

struct Destroy {
  void operator()(natsMsg* message) const noexcept { natsMsg_Destroy(message); }
  void operator()(natsOptions* options) const noexcept { natsOptions_Destroy(options); }
  void operator()(natsSubscription* subscription) const noexcept { natsSubscription_Destroy(subscription); }
};
using MessagePtr = std::unique_ptr<natsMsg, Destroy>;
using OptionsPtr = std::unique_ptr<natsOptions, Destroy>;
using SubscriptionPtr = std::unique_ptr<natsSubscription, Destroy>;

// For what must not throw: whatever lack of memory kept it from telling is noticed where it is missed.
template <class F>
void quietly(F&& call) noexcept {
  try {
    call();
  } catch (...) {
  }
}

// The whole text is given: a sentence that names what it is about.
[[noreturn]] void throw_error(errc code, const std::string& text);
std::exception_ptr make_error(errc code, const std::string& text);

// What this thread's last failed call was about.
std::string last_error(natsStatus status);

std::string_view data_of(natsMsg& message);

// The status of one that is no message but tells something: "503", "408"; empty for a message.
std::string status_of(natsMsg& message);
std::string header_of(natsMsg& message, const char* name);

}  // namespace coroexec::nats::detail
