// Reading the list: line numbers, what is skipped, chunk borders, pipes.
#include "line_source.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

namespace fetch {
namespace {

using Lines = std::vector<std::pair<std::uint64_t, std::string>>;

int file_with(const std::string& text) {
  std::FILE* file = std::tmpfile();
  std::fwrite(text.data(), 1, text.size(), file);
  std::rewind(file);
  const int fd = ::dup(::fileno(file));
  std::fclose(file);
  return fd;
}

Lines lines_of(const std::string& text) {
  asio::io_context context;
  LineSource source(context.get_executor(), file_with(text), "test");
  Lines lines;
  Line line;
  while (source.next(line) == LineSource::Next::line)
    lines.emplace_back(line.number, line.text);
  EXPECT_EQ(source.next(line), LineSource::Next::end) << "the end stays the end";
  return lines;
}

TEST(LineSource, LinesCountFromOneSkippedOnesIncluded) {
  EXPECT_EQ(lines_of("a\n\n# comment\nb\n   \t\n  # indented\nc"),
            (Lines{{1, "a"}, {4, "b"}, {7, "c"}}));
}

TEST(LineSource, NothingAndOnlyCommentsAreNoLines) {
  EXPECT_EQ(lines_of(""), Lines{});
  EXPECT_EQ(lines_of("\n\n#x\n"), Lines{});
}

TEST(LineSource, SurroundingWhiteSpaceCarriageReturnsAndAByteOrderMarkGo) {
  EXPECT_EQ(lines_of("\xEF\xBB\xBF"
                     "a\r\n \tb \r\n"),
            (Lines{{1, "a"}, {2, "b"}}));
}

TEST(LineSource, TheLastLineNeedsNoLineFeed) {
  EXPECT_EQ(lines_of("a\nb"), (Lines{{1, "a"}, {2, "b"}}));
}

TEST(LineSource, LinesMayCrossTheBordersOfChunks) {
  std::string text;
  for (int i = 0; i < 50'000; ++i)
    text += "http://host/" + std::to_string(i) + "\n";
  const Lines lines = lines_of(text);
  ASSERT_EQ(lines.size(), 50'000u);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    ASSERT_EQ(lines[i].first, i + 1);
    ASSERT_EQ(lines[i].second, "http://host/" + std::to_string(i));
  }
}

TEST(LineSource, ALineThatIsTooLongIsCutAndTheNextIsWhole) {
  asio::io_context context;
  for (const std::size_t size : {LineSource::max_line + 1, std::size_t{1'000'000}}) {
    LineSource source(context.get_executor(), file_with("a\n" + std::string(size, 'x') + "\nb\n"),
                      "test");
    Line line;
    ASSERT_EQ(source.next(line), LineSource::Next::line);
    EXPECT_FALSE(line.too_long);
    ASSERT_EQ(source.next(line), LineSource::Next::line);
    EXPECT_TRUE(line.too_long);
    EXPECT_EQ(line.number, 2u);
    EXPECT_EQ(line.text, std::string(200, 'x'));
    ASSERT_EQ(source.next(line), LineSource::Next::line);
    EXPECT_FALSE(line.too_long);
    EXPECT_EQ(line.number, 3u);
    EXPECT_EQ(line.text, "b");
    EXPECT_EQ(source.next(line), LineSource::Next::end);
  }
}

TEST(LineSource, TheLongestLineThatIsTakenIsTaken) {
  const std::string longest(LineSource::max_line, 'x');
  EXPECT_EQ(lines_of(longest + "\n" + longest), (Lines{{1, longest}, {2, longest}}));
}

TEST(LineSource, ALineThatIsTooLongAndTheLast) {
  EXPECT_EQ(lines_of("a\n" + std::string(100'000, 'x')).size(), 2u);
}

TEST(LineSource, TellsHowMuchOfAFileIsRead) {
  asio::io_context context;
  LineSource source(context.get_executor(), file_with("abcd\nefgh\n"), "test");
  EXPECT_EQ(source.fraction(), 0.0);
  Line line;
  source.next(line);
  EXPECT_EQ(source.fraction(), 0.5);
  source.next(line);
  EXPECT_EQ(source.fraction(), 1.0);
}

TEST(LineSource, AnUnreadableListIsNamed) {
  asio::io_context context;
  try {
    LineSource source(context.get_executor(), "/nonexistent/list");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.what(), "cannot read /nonexistent/list: No such file or directory");
  }
  try {
    LineSource source(context.get_executor(), "/tmp");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.what(), "cannot read /tmp: Is a directory");
  }
}

class Pipe {
public:
  Pipe() { EXPECT_EQ(::pipe(ends_), 0); }
  ~Pipe() { close(); }
  int take_read_end() { return ends_[0]; }
  void write(const std::string& text) {
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void close() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }

private:
  int ends_[2] = {-1, -1};
};

TEST(LineSource, APipeIsReadAsDataArrives) {
  asio::io_context context;
  Pipe pipe;
  LineSource source(context.get_executor(), pipe.take_read_end(), "pipe");
  Line line;
  EXPECT_EQ(source.next(line), LineSource::Next::wait);
  EXPECT_LT(source.fraction(), 0);
  pipe.write("one\ntw");
  EXPECT_EQ(source.next(line), LineSource::Next::line);
  EXPECT_EQ(source.next(line), LineSource::Next::wait);
  pipe.write("o\n");
  EXPECT_EQ(source.next(line), LineSource::Next::line);
  EXPECT_EQ(line.text, "two");
  pipe.close();
  EXPECT_EQ(source.next(line), LineSource::Next::end);
}

TEST(LineSource, WaitEndsWhenDataArrivesAndWhenWoken) {
  asio::io_context context;
  Pipe pipe;
  LineSource source(context.get_executor(), pipe.take_read_end(), "pipe");
  int waits = 0;
  const auto wait = [&]() -> asio::awaitable<void> {
    co_await source.wait();
    ++waits;
  };
  asio::co_spawn(context, wait, asio::detached);
  context.poll();
  EXPECT_EQ(waits, 0);
  source.wake();
  context.restart();
  context.poll();
  EXPECT_EQ(waits, 1);

  asio::co_spawn(context, wait, asio::detached);
  context.restart();
  context.poll();
  EXPECT_EQ(waits, 1);
  pipe.write("x");
  context.restart();
  context.run();
  EXPECT_EQ(waits, 2);
}

}  // namespace
}  // namespace fetch
