// Numbers from a seed: the same on every machine and with every standard library. Or numbers that are given, by a fuzzer.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>

namespace coroexec::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  // A byte a choice, and zeros after the last. They must outlive this.
  explicit Random(std::span<const std::uint8_t> choices) : choices_(choices) {}

  std::uint64_t next() {
    if (choices_) return choice();
    // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  int below(int end) { return static_cast<int>(next() % static_cast<std::uint64_t>(end)); }
  int within(int first, int last) { return first + below(last - first + 1); }
  bool chance(int percent) { return below(100) < percent; }
  int one_of(std::initializer_list<int> values) {
    return values.begin()[below(static_cast<int>(values.size()))];
  }

 private:
  std::uint8_t choice() {
    if (choices_->empty()) return 0;
    const auto first = choices_->front();
    choices_ = choices_->subspan(1);
    return first;
  }

  std::uint64_t state_ = 0;
  std::optional<std::span<const std::uint8_t>> choices_;
};

}  // namespace coroexec::sim
