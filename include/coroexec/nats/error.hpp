// What goes wrong between here and the queue, as error codes.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include "coroexec/nats/config.hpp"

namespace coroexec::nats {

// Each also compares equal to the generic condition named beside it. The text of the exception names the server, the
// stream or the consumer.
enum class errc {
  unreachable = 1,  // no server answers                                      (errc::host_unreachable)
  unauthorized,     // a server refuses the credentials                       (errc::permission_denied)
  no_jetstream,     // the server keeps no streams                            (errc::operation_not_supported)
  no_stream,        // there is no stream of that name                        (errc::no_such_file_or_directory)
  wrong_stream,     // it is no work queue                                    (errc::invalid_argument)
  wrong_consumer,   // it cannot be pulled from, or not without losing        (errc::invalid_argument)
  refused,          // JetStream refuses for another reason, which is quoted  (errc::protocol_error)
  no_answer,        // JetStream has not answered in time                     (errc::timed_out)
  closed,           // the connection has been closed                         (errc::not_connected)
};

// The category of these codes, "coroexec.nats".
COROEXEC_NATS_DECL const boost::system::error_category& error_category() noexcept;

// So that a code can be compared with, and made from, an errc.
inline boost::system::error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

}  // namespace coroexec::nats

template <>
struct boost::system::is_error_code_enum<coroexec::nats::errc> : std::true_type {};
