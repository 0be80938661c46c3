// A child process with its standard streams in our hands.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace fetch::test {

// A directory that goes away with this.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const;  // gives the path
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::string& path);
// Until the file has that text; false after a long time.
bool wait_for_text(const std::string& path, const std::string& text);

class Child {
 public:
  struct Streams {
    int in = -1;   // closed after the start; -1: /dev/null
    int out = -1;  // the same
    int err = -1;  // the same
  };

  // Throws std::runtime_error if the program cannot be started.
  Child(const std::vector<std::string>& command, Streams streams);
  ~Child();  // kills it if it still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal(int number) const;
  int wait();  // its exit status, or -signal
  pid_t id() const { return id_; }
  long peak_kilobytes() const { return peak_kilobytes_; }  // of memory, known after wait()

 private:
  pid_t id_ = -1;
  int status_ = 0;
  long peak_kilobytes_ = 0;
};

// Runs a command to its end and throws std::runtime_error, with what it printed, if it fails.
void run_command(const std::vector<std::string>& command);

}  // namespace fetch::test
