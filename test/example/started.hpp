// A program that has been started, with what it prints in files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "child.hpp"

namespace example::test {

using fetch::test::TempDir;

class Started {
 public:
  // `in` becomes its standard input, `out` its standard output, where given.
  explicit Started(const std::vector<std::string>& command, int in = -1, int out = -1);

  std::string output() const { return fetch::test::read_file(directory_.file("out")); }
  std::string errors() const { return fetch::test::read_file(directory_.file("err")); }
  // Wait until it has printed that. Throw std::runtime_error, with what it has, after a long time.
  void wait_for_output(const std::string& text) const;
  void wait_for_error(const std::string& text) const;
  unsigned short port() const;  // that it listens on, once it does
  void signal(int number) const { child_->signal(number); }
  int wait() { return child_->wait(); }  // its exit status, or -signal

 private:
  void wait_for(const std::string& file, const std::string& text) const;

  TempDir directory_;
  std::unique_ptr<fetch::test::Child> child_;
};

// Is there such a command? A test whose client is missing is skipped.
bool have(const std::string& command);

// What curl prints; its failure is a failure of the test.
std::string curl(std::vector<std::string> arguments);

}  // namespace example::test
