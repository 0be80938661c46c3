// Any executor, with a context around everything that runs through it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/require.hpp>
#include <utility>

#include "coroexec/detail/context_cell.hpp"
#include "coroexec/detail/run_queue.hpp"

namespace coroexec::detail {

class ContextExecutor {
 public:
  ContextExecutor(asio::any_io_executor inner, Ref<ContextCell> cell) noexcept
      : inner_(std::move(inner)), cell_(std::move(cell)) {}

  const asio::any_io_executor& inner() const noexcept { return inner_; }

  template <class F>
  void execute(F&& f) const {
    inner_.execute([cell = cell_, function = std::decay_t<F>(std::forward<F>(f))]() mutable {
      CurrentContext current(cell.get());
      std::move(function)();
    });
  }

  asio::execution_context& query(asio::execution::context_t) const noexcept {
    return asio::query(inner_, asio::execution::context);
  }
  asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
    if (never_) return asio::execution::blocking.never;
    return asio::execution::blocking.possibly;
  }
  asio::execution::outstanding_work_t query(asio::execution::outstanding_work_t) const noexcept {
    if (tracked_) return asio::execution::outstanding_work.tracked;
    return asio::execution::outstanding_work.untracked;
  }
  ContextExecutor require(asio::execution::blocking_t::never_t never) const {
    return {asio::require(inner_, never), cell_, tracked_, true};
  }
  ContextExecutor require(asio::execution::blocking_t::possibly_t possibly) const {
    return {asio::prefer(inner_, possibly), cell_, tracked_, false};
  }
  ContextExecutor require(asio::execution::outstanding_work_t::tracked_t tracked) const {
    return {asio::prefer(inner_, tracked), cell_, true, never_};
  }
  ContextExecutor require(asio::execution::outstanding_work_t::untracked_t untracked) const {
    return {asio::prefer(inner_, untracked), cell_, false, never_};
  }

  bool operator==(const ContextExecutor& other) const noexcept {
    return inner_ == other.inner_ && cell_.get() == other.cell_.get();
  }

 private:
  ContextExecutor(asio::any_io_executor inner, Ref<ContextCell> cell, bool tracked, bool never) noexcept
      : inner_(std::move(inner)), cell_(std::move(cell)), tracked_(tracked), never_(never) {}

  asio::any_io_executor inner_;
  Ref<ContextCell> cell_;
  bool tracked_ = false;
  bool never_ = false;
};

}  // namespace coroexec::detail
