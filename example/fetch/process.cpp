// Preparing the process.
#include "process.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <limits>
#include <stdexcept>

namespace fetch {

void check_standard_descriptors() {
  const bool output_closed = ::fcntl(STDOUT_FILENO, F_GETFD) < 0;
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDWR);  // takes the lowest number that is free
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd > STDERR_FILENO) ::close(fd);
  if (output_closed)
    throw std::runtime_error("standard output is closed, so there is nowhere to write the results");
}

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

std::size_t raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::size_t>::max();
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  return limit.rlim_cur;
}

}  // namespace fetch
