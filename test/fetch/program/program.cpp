// Running coroexec-fetch and reading its results.
#include "program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace fetch::test {
namespace {

int create(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

std::string text_at(const boost::json::object& object, const char* field) {
  const auto* value = object.if_contains(field);
  return value ? boost::json::value_to<std::string>(*value) : "";
}

std::int64_t number_at(const boost::json::object& object, const char* field) {
  const auto* value = object.if_contains(field);
  return value ? value->as_int64() : 0;
}

}  // namespace

std::pair<std::int64_t, ResultLine> parse_result(const std::string& line) {
  const auto object = boost::json::parse(line).as_object();
  ResultLine result;
  result.url = text_at(object, "url");
  result.final_url = text_at(object, "final_url");
  result.status = number_at(object, "status");
  result.bytes = number_at(object, "bytes");
  result.attempts = number_at(object, "attempts");
  if (const auto* error = object.if_contains("error")) {
    result.kind = text_at(error->as_object(), "kind");
    result.message = text_at(error->as_object(), "message");
  }
  return {number_at(object, "line"), result};
}

Program::Program(Arguments arguments, const std::string& list) {
  arguments.push_back(directory_.write("list", list));
  start(std::move(arguments), -1);
}

Program::Program(Arguments arguments, int in) { start(std::move(arguments), in); }

void Program::start(Arguments arguments, int in) {
  arguments.insert(arguments.begin(), COROEXEC_FETCH);
  child_ = std::make_unique<Child>(arguments, Child::Streams{in, create(directory_.file("out")),
                                                             create(directory_.file("err"))});
}

void Program::wait_for_error(const std::string& text) const {
  if (!wait_for_text(directory_.file("err"), text))
    throw std::runtime_error("no '" + text + "' in: " + errors());
}

Ended Program::finish() {
  Ended ended;
  ended.status = child_->wait();
  ended.peak_kilobytes = child_->peak_kilobytes();
  ended.errors = errors();
  std::ifstream lines(directory_.file("out"));
  for (std::string line; std::getline(lines, line);) {
    const auto [number, result] = parse_result(line);
    EXPECT_TRUE(ended.results.emplace(number, result).second) << "a second result: " << line;
  }
  return ended;
}

std::int64_t number_from(const char* variable, std::int64_t standard) {
  const char* given = std::getenv(variable);
  return given ? std::atoll(given) : standard;
}

Ended run_program(Program::Arguments arguments, const std::string& list) {
  return Program(std::move(arguments), list).finish();
}

const ResultLine& Ended::operator[](std::int64_t line) const {
  static const ResultLine none;
  const auto found = results.find(line);
  if (found != results.end()) return found->second;
  ADD_FAILURE() << "line " << line << " has no result";
  return none;
}

}  // namespace fetch::test
