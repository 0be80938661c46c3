// A parser that asks for more data when it needs some is straight code: no state machine, and nothing in
// it knows where the data comes from.
#include <chrono>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

using boost::asio::awaitable;
using coroexec::Monitor;

using Feed = Monitor<void, std::string>;                       // says "more, please"; is answered with data

class LineReader {
 public:
  explicit LineReader(Feed feed) : feed_(feed) {}

  awaitable<std::string> line() {
    while (buffer_.find('\n') == std::string::npos) buffer_ += co_await feed_.oob();
    auto line = buffer_.substr(0, buffer_.find('\n'));
    buffer_.erase(0, line.size() + 1);
    co_return line;
  }

 private:
  Feed feed_;
  std::string buffer_;
};

// Stands for a connection.
static awaitable<std::string> receive(std::vector<std::string>& packets) {
  co_await coroexec::sleep_for(std::chrono::milliseconds(1));
  if (packets.empty()) throw std::runtime_error("connection closed");
  auto packet = packets.front();
  packets.erase(packets.begin());
  co_return packet;
}

// The next line, with as many packets as that takes. A failure to receive is told to the parser, which
// could make something of it, and here lets it out.
static awaitable<std::string> next_line(Feed feed, LineReader& reader, std::vector<std::string>& packets) {
  auto line = feed([&] { return reader.line(); });
  auto said = co_await line.next();                            // what is in the buffer may be enough
  while (said.index() == 0) {                                  // it wants more
    auto packet = co_await coroexec::as_outcome(receive(packets));
    if (!packet) co_return co_await line.athrow(packet.error());
    said = co_await line.next(std::move(*packet));
  }
  co_return std::get<1>(said);
}

static awaitable<void> read_lines() {
  std::vector<std::string> packets = {"a li", "ne\nanother", " one\nand a last", " one\nhalf of o"};
  Feed feed;
  LineReader reader(feed);
  for (;;) {
    const auto line = co_await coroexec::as_outcome(next_line(feed, reader, packets));
    if (!line) break;
    std::cout << "line: " << *line << '\n';
  }
  std::cout << "no more lines\n";
}

int main() { coroexec::run(read_lines()); }
