// OOBData<Out>: what a monitored coroutine says before it has ended.
#pragma once

#include <concepts>
#include <exception>
#include <utility>

#include "coroexec/config.hpp"

namespace coroexec {

// The base of all of them, to catch any.
class COROEXEC_DECL OOBDataBase : public std::exception {
 public:
  OOBDataBase() = default;
  OOBDataBase(const OOBDataBase&) = default;
  OOBDataBase& operator=(const OOBDataBase&) = default;
  ~OOBDataBase() override;
  const char* what() const noexcept override;  // that the coroutine has not ended
};

// A message of Monitor::oob(): thrown by Monitor::aawait(), held by what Monitor::next() returns.
// (OOBData)
template <class Out>
class OOBData : public OOBDataBase {
 public:
  OOBData()
    requires std::default_initializable<Out>
  = default;
  explicit OOBData(Out message) : data(std::move(message)) {}  // made by oob()
  Out data{};                                                  // the message
};

// Without a message.
template <>
class OOBData<void> : public OOBDataBase {};

}  // namespace coroexec
