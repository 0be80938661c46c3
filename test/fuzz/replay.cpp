// coroexec_fuzz_replay TARGET FILE-OR-FOLDER...: runs files of the corpus through their target.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz.hpp"

namespace coroexec::fuzz {
namespace {

bool run(const Target& target, const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    std::printf("%s cannot be read\n", file.c_str());
    return false;
  }
  // Of the very size, so that a sanitizer sees what reads past the end.
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  try {
    target.run(bytes);
    return true;
  } catch (const std::exception& error) {
    std::printf("%s: %s\n", file.c_str(), error.what());
    return false;
  }
}

int main_of(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    std::printf("coroexec_fuzz_replay TARGET FILE-OR-FOLDER...; targets:");
    for (const Target* target : Target::all()) std::printf(" %s", target->name);
    std::printf("\n");
    return 2;
  }
  const auto& targets = Target::all();
  const auto target = std::ranges::find(targets, arguments.front(),
                                        [](const Target* t) { return std::string(t->name); });
  if (target == targets.end()) {
    std::printf("there is no target %s\n", arguments.front().c_str());
    return 2;
  }
  std::size_t good = 0, bad = 0;
  const auto count = [&](const std::filesystem::path& file) {
    ++(run(**target, file) ? good : bad);
  };
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (!std::filesystem::is_directory(arguments[i])) {
      count(arguments[i]);
      continue;
    }
    for (auto& entry : std::filesystem::directory_iterator(arguments[i])) count(entry.path());
  }
  std::printf("%s: %zu inputs hold, %zu do not\n", (*target)->name, good, bad);
  return good > 0 && bad == 0 ? 0 : 1;
}

}  // namespace
}  // namespace coroexec::fuzz

int main(int argc, char** argv) { return coroexec::fuzz::main_of({argv + 1, argv + argc}); }
