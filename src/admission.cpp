#include "coroexec/detail/admission.hpp"

#include <algorithm>

namespace coroexec::detail {

std::size_t Admission::admit_waiting() noexcept {
  if (waiting_ == 0) return 0;
  const std::size_t free = room();
  if (free == 0 || free < limit() - limit() / 2) return 0;
  const std::size_t admitted = std::min(free, waiting_);
  waiting_ -= admitted;
  reserved_ += admitted;
  return admitted;
}

}  // namespace coroexec::detail
