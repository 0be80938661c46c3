// libFuzzer's way in: the one target that this program is linked with.
#include "fuzz.hpp"

// Not declared in any header.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  coroexec::fuzz::Target::all().front()->run({data, size});
  return 0;
}
