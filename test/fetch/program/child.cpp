// Starting, signalling and waiting for a child process.
#include "child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace fetch::test {

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "coroexec-fetch-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp: " + pattern);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::write(const std::string& name, const std::string& text) const {
  std::ofstream(path_ / name, std::ios::binary) << text;
  return file(name);
}

std::string read_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

bool wait_for_text(const std::string& path, const std::string& text) {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(40);
  while (read_file(path).find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > patience) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

Child::Child(const std::vector<std::string>& command, Streams streams) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const int given[] = {streams.in, streams.out, streams.err};
  for (int fd = 0; fd < 3; ++fd) {
    if (given[fd] < 0) ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    else ::posix_spawn_file_actions_adddup2(&actions, given[fd], fd);
  }
  // Asio's sockets are inherited: a connection that a server here closes would stay open in the child.
  ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  std::vector<char*> argv;
  for (const auto& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int error = ::posix_spawnp(&id_, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  for (const int fd : given)
    if (fd >= 0) ::close(fd);
  if (error != 0) throw std::runtime_error(command.front() + ": " + std::strerror(error));
}

Child::~Child() {
  if (id_ < 0) return;
  signal(SIGKILL);
  wait();
}

void Child::signal(int number) const { ::kill(id_, number); }

int Child::wait() {
  if (id_ < 0) return status_;
  int status = 0;
  rusage usage{};
  while (::wait4(id_, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  id_ = -1;
  peak_kilobytes_ = usage.ru_maxrss;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return status_;
}

void run_command(const std::vector<std::string>& command) {
  const TempDir directory;
  const auto output = [&] {
    return ::open(directory.file("out").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  };
  Child child(command, {-1, output(), output()});
  if (child.wait() != 0)
    throw std::runtime_error(command.front() + " failed: " + read_file(directory.file("out")));
}

}  // namespace fetch::test
