#include "coroexec/error.hpp"

#include <boost/asio/error.hpp>

namespace coroexec {
namespace {

namespace sys = boost::system;

class Category final : public sys::error_category {
 public:
  const char* name() const noexcept override { return "coroexec"; }

  std::string message(int code) const override {
    switch (static_cast<errc>(code)) {
      case errc::closed: return "closed";
      case errc::timed_out: return "timed out";
      case errc::would_deadlock: return "would deadlock";
      case errc::invalid_state: return "invalid state";
      case errc::invalid_argument: return "invalid argument";
    }
    return "unknown coroexec error";
  }

  sys::error_condition default_error_condition(int code) const noexcept override {
    switch (static_cast<errc>(code)) {
      case errc::closed: return sys::errc::make_error_condition(sys::errc::broken_pipe);
      case errc::timed_out: return sys::errc::make_error_condition(sys::errc::timed_out);
      case errc::would_deadlock:
        return sys::errc::make_error_condition(sys::errc::resource_deadlock_would_occur);
      case errc::invalid_state:
        return sys::errc::make_error_condition(sys::errc::operation_not_permitted);
      case errc::invalid_argument:
        return sys::errc::make_error_condition(sys::errc::invalid_argument);
    }
    return {code, *this};
  }
};

std::string group_text(const std::vector<TaskError>& errors) {
  std::string text = std::to_string(errors.size()) + (errors.size() == 1 ? " job" : " jobs") + " failed";
  if (!errors.empty()) {
    text += ", the first was ";
    text += errors[0].name.empty() ? "job " + std::to_string(errors[0].id) : "job '" + errors[0].name + "'";
    text += ": " + detail::message_of(errors[0].exception);
  }
  return text;
}

}  // namespace

const sys::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

TaskGroupError::TaskGroupError(std::vector<TaskError> errors)
    : std::runtime_error(group_text(errors)), errors_(std::move(errors)) {}

TaskGroupError::~TaskGroupError() = default;

GeneratorExit::GeneratorExit() : sys::system_error(asio::error::operation_aborted, "GeneratorExit") {}

GeneratorExit::~GeneratorExit() = default;

namespace detail {

void throw_error(errc code, const std::string& text) {
  throw sys::system_error(make_error_code(code), text);
}

std::exception_ptr make_error(errc code, const std::string& text) {
  return std::make_exception_ptr(sys::system_error(make_error_code(code), text));
}

void throw_cancelled() { throw sys::system_error(asio::error::operation_aborted); }

// Shared by all: made where there may be no memory, and for every job of a cancelled crowd.
std::exception_ptr make_cancelled() {
  static const std::exception_ptr error =
      std::make_exception_ptr(sys::system_error(asio::error::operation_aborted));
  return error;
}

// An exception_ptr can only be looked into by throwing it; this runs for cancelled jobs alone.
bool is_cancelled(const std::exception_ptr& error) noexcept {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const sys::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

std::string message_of(const std::exception_ptr& error) {
  if (!error) return "no error";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

}  // namespace detail
}  // namespace coroexec
