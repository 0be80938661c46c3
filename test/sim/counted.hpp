// Objects that stand for what lives in frames, arguments and results.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace coroexec::sim {

// What a job or a source throws of its own; told apart by its serial number.
class Fault : public std::runtime_error {
 public:
  Fault(int serial, const std::string& text) : std::runtime_error(text + " #" + std::to_string(serial)), serial_(serial) {}
  int serial() const noexcept { return serial_; }

 private:
  int serial_;
};

// Ends the program: a rule of the library has been broken.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Counts how many live, and notices when one is used that does not.
class Counted {
 public:
  Counted(int& live, int value) : live_(&live), value_(value) { ++*live_; }
  Counted(const Counted& other) : live_(other.checked().live_), value_(other.value_) { ++*live_; }
  Counted(Counted&& other) : live_(other.checked().live_), value_(other.value_) { ++*live_; }
  Counted& operator=(const Counted& other) {
    value_ = other.checked().value_;
    if (live_ != other.live_) --*live_, live_ = other.live_, ++*live_;
    return *this;
  }
  ~Counted() {
    if (mark_ != alive) std::terminate();  // a destructor has no other way
    mark_ = dead;
    --*live_;
  }
  int value() const { return checked().value_; }

 private:
  static constexpr std::uint32_t alive = 0x600d1dea, dead = 0xdeaddead;
  const Counted& checked() const {
    if (mark_ != alive) throw Violation("an object was used after its death");
    return *this;
  }
  int* live_;
  int value_;
  volatile std::uint32_t mark_ = alive;  // or the compiler leaves out the last store
};

}  // namespace coroexec::sim
