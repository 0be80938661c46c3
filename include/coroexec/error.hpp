// What the library reports when something goes wrong, as error codes and as exceptions.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "coroexec/config.hpp"

namespace coroexec {

// The library's own errors. Each also compares equal to the generic condition named beside it.
// A cancellation is not among them: it is asio::error::operation_aborted, as everywhere in Asio.
enum class errc {
  closed = 1,        // handed in after the scope ended or was shut down   (errc::broken_pipe)
  timed_out,         // a scope's, a job's or a wait's time is up          (errc::timed_out)
  would_deadlock,    // the wait could never end                (errc::resource_deadlock_would_occur)
  invalid_state,     // asked for what is not there (yet, or any more)     (errc::operation_not_permitted)
  invalid_argument,  // an option or an argument that makes no sense       (errc::invalid_argument)
};

// The category of these codes, "coroexec".
COROEXEC_DECL const boost::system::error_category& error_category() noexcept;

// So that a code can be compared with, and made from, an errc.
inline boost::system::error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

// One failed job: what a scope keeps of it for errors() and for TaskGroupError.
struct TaskError {
  std::string name;              // empty unless the job was given one
  std::uint64_t id = 0;          // as Task::id()
  std::exception_ptr exception;  // what it threw
};

// Thrown by a scope under ErrorPolicy::collect once every job has ended: all errors, in the order
// they happened. what() tells how many and quotes the first. (Python's ExceptionGroup.)
class COROEXEC_DECL TaskGroupError : public std::runtime_error {
 public:
  explicit TaskGroupError(std::vector<TaskError> errors);  // made by the scope
  TaskGroupError(const TaskGroupError&) = default;
  ~TaskGroupError() override;
  const std::vector<TaskError>& errors() const noexcept { return errors_; }  // as they happened

 private:
  std::vector<TaskError> errors_;
};

// Thrown into a coroutine that speaks (Monitor::oob, GeneratorObject::ayield, Yield) where it waits to
// be answered, when it is being closed instead. A cancellation to whoever does not ask closer, but the
// coroutine may await at once, to clean up, without taking it back. (GeneratorExit)
class COROEXEC_DECL GeneratorExit : public boost::system::system_error {
 public:
  GeneratorExit();
  GeneratorExit(const GeneratorExit&) = default;
  ~GeneratorExit() override;
};

namespace detail {

// `text` is the whole sentence a user reads, without the code's own message.
[[noreturn]] COROEXEC_DECL void throw_error(errc code, const std::string& text);
COROEXEC_DECL std::exception_ptr make_error(errc code, const std::string& text);
[[noreturn]] COROEXEC_DECL void throw_cancelled();
COROEXEC_DECL std::exception_ptr make_cancelled();
COROEXEC_DECL bool is_cancelled(const std::exception_ptr& error) noexcept;
COROEXEC_DECL std::string message_of(const std::exception_ptr& error);

}  // namespace detail
}  // namespace coroexec

template <>
struct boost::system::is_error_code_enum<coroexec::errc> : std::true_type {};
