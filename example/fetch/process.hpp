// What the program needs of the operating system's process: descriptors, their limit, broken pipes.
// POSIX.
#pragma once

#include <cstddef>

namespace fetch {

// Makes sure that descriptors 0 to 2 are open, so that no socket gets one of these numbers. Throws
// std::runtime_error if standard output is closed, for then the results would be lost.
void check_standard_descriptors();

// A broken pipe is an error of write(), not the end of the process.
void ignore_broken_pipes();

// Raises the limit of open files as far as it goes and returns it.
std::size_t raise_open_files_limit();

}  // namespace fetch
