// What a fuzz target is: code that is given bytes, and throws if what it tries does not hold. Each
// file here has one. libFuzzer runs them, one a program (libfuzzer.cpp); the tests run all of them
// on the files of the corpus (replay.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coroexec::fuzz {

using Bytes = std::span<const std::uint8_t>;

// Registers itself; the name is that of the corpus's folder.
struct Target {
  Target(const char* target_name, void (*target_run)(Bytes)) : name(target_name), run(target_run) {
    all().push_back(this);
  }
  static std::vector<const Target*>& all() {
    static std::vector<const Target*> targets;
    return targets;
  }

  const char* name;
  void (*run)(Bytes);
};

inline void require(bool holds, const std::string& rule) {
  if (!holds) throw std::logic_error(rule);
}

inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Takes bytes from the front; 0 when there are none.
class Reader {
 public:
  explicit Reader(Bytes bytes) : left_(bytes) {}

  bool empty() const { return left_.empty(); }
  Bytes rest() const { return left_; }
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }
  // Up to the separator, which is taken too, or to the end.
  std::string_view until(char separator) {
    const std::string_view text = text_of(left_);
    const auto end = std::min(text.find(separator), text.size());
    left_ = left_.subspan(std::min(end + 1, text.size()));
    return text.substr(0, end);
  }

 private:
  Bytes left_;
};

}  // namespace coroexec::fuzz
