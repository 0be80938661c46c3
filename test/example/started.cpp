// Starting a program and waiting for what it prints.
#include "started.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace example::test {

Started::Started(const std::vector<std::string>& command, int in, int out) {
  const auto create = [this](const char* name) {
    return ::open(directory_.file(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  };
  if (out < 0) out = create("out");
  child_ = std::make_unique<fetch::test::Child>(
      command, fetch::test::Child::Streams{in, out, create("err")});
}

void Started::wait_for_output(const std::string& text) const { wait_for("out", text); }
void Started::wait_for_error(const std::string& text) const { wait_for("err", text); }

void Started::wait_for(const std::string& file, const std::string& text) const {
  if (!fetch::test::wait_for_text(directory_.file(file), text))
    throw std::runtime_error("no '" + text + "' in: " + output() + errors());
}

unsigned short Started::port() const {
  const std::string mark = "listening on port ";
  wait_for_output(mark);
  wait_for_output("\n");
  const std::string text = output();
  return static_cast<unsigned short>(std::stoi(text.substr(text.find(mark) + mark.size())));
}

bool have(const std::string& command) {
  try {
    fetch::test::run_command({"sh", "-c", "command -v " + command});
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::string curl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"curl", "--silent", "--show-error", "--max-time", "30"});
  Started run(arguments);
  EXPECT_EQ(run.wait(), 0) << run.errors();
  return run.output();
}

}  // namespace example::test
