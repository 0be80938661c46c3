// What may be written into texts that have to be UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace coroexec::detail {

// How many bytes at the beginning are one character of UTF-8; 0: none. Overlong forms and surrogates pass.
inline std::size_t utf8_length(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  return length;
}

}  // namespace coroexec::detail
