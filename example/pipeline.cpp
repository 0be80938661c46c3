// A pipeline of three stages with backpressure: the checksums of all files below a folder, as cksum
// prints them. Files are found one by one, read so many at once, summed so many at once, and
// printed in the order in which they were found. A stage takes from the one before it only when it
// has room: a slow stage, or a slow reader of the output, slows all before it, and memory holds a
// few files however many there are. A file that cannot be read is told and left out.
//
//   example_pipeline /usr/share/doc | head -n 3        # FOLDER[, files read at once[, summed at once]]
#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/crc.hpp>
#include <coroexec/coroexec.hpp>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::awaitable;
using coroexec::CoroutineExecutor;

static constexpr std::size_t max_size = 64 << 20;  // of a file

struct File {
  fs::path path;
  std::string content = {};
  const char* error = nullptr;
  std::uint32_t sum = 0;
};

// The second stage. It blocks its thread, which is there for that.
static awaitable<File> read_file(File file) {
  std::ifstream in(file.path, std::ios::binary);
  if (!in) file.error = "cannot be read";
  else if (fs::file_size(file.path) > max_size) file.error = "is too large";
  else file.content.assign(std::istreambuf_iterator<char>(in), {});
  co_return file;
}

// The third stage: it computes.
static awaitable<File> sum_file(File file) {
  boost::crc_optimal<32, 0x04C11DB7, 0, 0xFFFFFFFF, false, false> crc;
  crc.process_bytes(file.content.data(), file.content.size());
  for (auto size = file.content.size(); size != 0; size >>= 8)
    crc.process_byte(static_cast<unsigned char>(size));
  file.sum = crc.checksum();
  co_return file;
}

// Gives whether all files could be read. Runs on the threads: so do the jobs of the scopes it makes, in parallel.
static awaitable<bool> run_pipeline(fs::path folder, std::size_t reading, std::size_t summing) {
  std::atomic<std::size_t> found = 0, printed = 0, most = 0;
  std::size_t failed = 0;
  // The first stage, which waits in yield() for whoever wants the next file.
  auto find_files = [&](coroexec::Yield<File> yield) -> awaitable<void> {
    for (const auto& entry :
         fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
      if (!entry.is_regular_file()) continue;
      most = std::max<std::size_t>(most, ++found - printed);
      File file{entry.path()};  // named: GCC 12 would destroy a temporary here twice
      co_await yield(std::move(file));
    }
  };
  const auto print = [&](const File& file) {
    ++printed;
    failed += file.error != nullptr;
    if (file.error) std::cerr << file.path.string() << ": " << file.error << '\n';
    else std::cout << file.sum << ' ' << file.content.size() << ' ' << file.path.string() << '\n';
    if (!std::cout.flush())
      throw std::runtime_error("the output cannot be written");  // ends all stages
  };
  // A scope a stage, one inside the other: each has to live as long as the stream it gives.
  auto outer = [&](CoroutineExecutor& readers) -> awaitable<void> {
    auto inner = [&](CoroutineExecutor& summers) -> awaitable<void> {
      auto files = readers.map(read_file, coroexec::generate<File>(find_files));
      auto sums = summers.map(sum_file, std::move(files));
      while (auto file = co_await sums.next()) print(*file);
    };
    co_await coroexec::with_executor({.max_workers = summing}, inner);
  };
  co_await coroexec::with_executor({.max_workers = reading}, outer);
  std::cerr << printed << " files, at most " << most << " in hand\n";
  co_return failed == 0;
}

int main(int argc, char** argv) {
  const auto number = [&](int i, std::size_t otherwise) {
    return argc > i ? std::strtoul(argv[i], nullptr, 10) : otherwise;
  };
  if (argc < 2) {
    std::cerr << "usage: example_pipeline FOLDER [READ-AT-ONCE [SUMMED-AT-ONCE]]\n";
    return 2;
  }
  const std::size_t reading = number(2, 4), summing = number(3, 2);
  asio::thread_pool threads(reading + summing + 2);  // one that finds, one that prints
  try {
    return asio::co_spawn(threads, run_pipeline(argv[1], reading, summing), asio::use_future).get()
               ? 0
               : 1;
  } catch (const std::exception& error) {  // no such folder, a full disk
    std::cerr << "example_pipeline: " << error.what() << '\n';
    return 1;
  }
}
