// Room in a vector ahead of need, so that what is put there later cannot fail.
#pragma once

#include <algorithm>
#include <cstddef>

namespace coroexec::detail {

// For `count` elements. Grows as push_back() does: reserve() alone takes exactly that much, and anew each time.
template <class Vector>
void make_room(Vector& vector, std::size_t count) {
  if (count > vector.capacity()) vector.reserve(std::max(count, 2 * vector.capacity()));
}

}  // namespace coroexec::detail
