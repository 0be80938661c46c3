// coroexec-fetch, run as its users run it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "child.hpp"

namespace fetch::test {

// One line of its standard output. What is not in the line is empty or 0.
struct ResultLine {
  std::string url, final_url, kind, message;
  std::int64_t status = 0, bytes = 0, attempts = 0;
};

// The line's number, and what is in it.
std::pair<std::int64_t, ResultLine> parse_result(const std::string& line);

// A run that has ended.
struct Ended {
  int status = 0;
  std::map<std::int64_t, ResultLine> results;  // by line number
  std::string errors;                          // what it wrote to standard error
  long peak_kilobytes = 0;

  // The result of a line; a failure of the test if there is none.
  const ResultLine& operator[](std::int64_t line) const;
};

class Program {
 public:
  using Arguments = std::vector<std::string>;

  // Starts it on a file with this text, after the other arguments.
  Program(Arguments arguments, const std::string& list);
  // Starts it with these arguments alone; `in` becomes its standard input.
  explicit Program(Arguments arguments, int in = -1);

  void signal(int number) const { child_->signal(number); }
  std::string errors() const { return read_file(directory_.file("err")); }
  void wait_for_error(const std::string& text) const;  // until its standard error has it
  Ended finish();

 private:
  void start(Arguments arguments, int in);

  TempDir directory_;
  std::unique_ptr<Child> child_;
};

// What an environment variable says, or the standard.
std::int64_t number_from(const char* variable, std::int64_t standard);

// Starts it and waits.
Ended run_program(Program::Arguments arguments, const std::string& list);

}  // namespace fetch::test
