#include "coroexec/detail/admission.hpp"

#include <algorithm>

namespace coroexec::detail {

std::size_t Admission::admit_waiting() noexcept {
  if (!may_admit()) return 0;
  const std::size_t admitted = std::min(room(), waiting_);
  waiting_ -= admitted;
  reserved_ += admitted;
  return admitted;
}

}  // namespace coroexec::detail
