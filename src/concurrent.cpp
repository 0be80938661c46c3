#include "coroexec/concurrent.hpp"

#include <algorithm>
#include <thread>

namespace coroexec {

ConcurrentError::ConcurrentError(const std::string& text, std::exception_ptr cause)
    : std::runtime_error(text), cause_(std::move(cause)) {}
ConcurrentError::~ConcurrentError() = default;
ConcurrentIteratorError::~ConcurrentIteratorError() = default;
ConcurrentExecutionError::~ConcurrentExecutionError() = default;

namespace {

std::size_t chosen_limit(std::ptrdiff_t limit) {
  if (limit == ConcurrentOptions::automatic)
    return std::min<std::size_t>(std::thread::hardware_concurrency() + 4u, 32);
  if (limit == -1) return unlimited;
  if (limit < 1)
    detail::throw_error(errc::invalid_argument,
                        "concurrent: limit must be at least 1, or -1 for none, not " + std::to_string(limit));
  return static_cast<std::size_t>(limit);
}

}  // namespace

namespace detail {

EngineConfig concurrent_config(const ConcurrentOptions& options) {
  EngineConfig config;
  config.max_active = chosen_limit(options.limit);
  config.backlog = 0;
  config.policy = ErrorPolicy::suppress;
  config.threading = options.threading;
  config.kind = "concurrent";
  return config;
}

std::exception_ptr wrap_job_error(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const ConcurrentError&) {  // it could not be run: said so already
    return error;
  } catch (...) {
    return std::make_exception_ptr(
        ConcurrentExecutionError("concurrent: a job failed: " + message_of(error), error));
  }
}

std::exception_ptr wrap_input_error(const std::exception_ptr& error) {
  return std::make_exception_ptr(
      ConcurrentIteratorError("concurrent: the source failed: " + message_of(error), error));
}

void throw_not_runnable(const char* what) {
  const std::string text = std::string("concurrent: an element cannot be run: ") + what;
  throw ConcurrentError(text, make_error(errc::invalid_argument, text));
}

}  // namespace detail
}  // namespace coroexec
