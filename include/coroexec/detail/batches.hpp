// Streams that give their elements in batches, and the same flattened.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "coroexec/async_generator.hpp"
#include "coroexec/iter_options.hpp"

namespace coroexec::detail {

// Is a batch due, with so much ready and so much still running?
constexpr bool batch_due(ReturnWhen when, std::size_t ready, std::size_t running, bool any_failed) {
  switch (when) {
    case ReturnWhen::all_completed: return running == 0;
    case ReturnWhen::first_completed: return ready > 0 || running == 0;
    case ReturnWhen::first_exception: return any_failed || running == 0;
  }
  return true;
}

// One by one from a stream of vectors.
template <class T, class Ex>
class FlatStream final : public Stream<T, Ex> {
 public:
  explicit FlatStream(AsyncGenerator<std::vector<T>, Ex> batches) : batches_(std::move(batches)) {}

  asio::awaitable<std::optional<T>, Ex> next() override {
    typename Stream<T, Ex>::Turn turn(*this);
    while (read_ == batch_.size()) {
      auto batch = co_await batches_.next();
      if (!batch) co_return std::nullopt;
      batch_ = std::move(*batch);
      read_ = 0;
    }
    co_return std::optional<T>(std::move(batch_[read_++]));
  }
  asio::awaitable<void, Ex> aclose() override {
    read_ = batch_.size();
    return batches_.aclose();
  }

 private:
  AsyncGenerator<std::vector<T>, Ex> batches_;
  std::vector<T> batch_;
  std::size_t read_ = 0;
};

}  // namespace coroexec::detail
