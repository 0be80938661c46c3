// example/pipeline.cpp: beside cksum, which it imitates.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "started.hpp"

namespace example::test {
namespace {

namespace fs = std::filesystem;

// Some files in two folders, and their paths in the order in which they are found.
std::vector<std::string> make_files(const TempDir& directory, std::size_t count) {
  fs::create_directory(directory.path() / "inner");
  for (std::size_t i = 0; i < count; ++i)
    directory.write((i % 2 ? "inner/" : "") + std::to_string(i),
                    std::string(i * i, static_cast<char>(i)));
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(directory.path()))
    if (entry.is_regular_file()) paths.push_back(entry.path().string());
  return paths;
}

TEST(PipelineTest, PrintsWhatCksumPrints) {
  const TempDir directory;
  auto command = make_files(directory, 200);
  command.insert(command.begin(), "cksum");
  Started pipeline({EXAMPLE_PIPELINE, directory.path().string()}), cksum(command);
  EXPECT_EQ(pipeline.wait(), 0) << pipeline.errors();
  EXPECT_EQ(cksum.wait(), 0) << cksum.errors();
  EXPECT_EQ(pipeline.output(), cksum.output());
}

TEST(PipelineTest, HoldsAFewFilesHoweverManyThereAre) {
  const TempDir directory;
  make_files(directory, 500);
  Started pipeline({EXAMPLE_PIPELINE, directory.path().string(), "3", "2"});
  EXPECT_EQ(pipeline.wait(), 0);
  const std::string mark = "500 files, at most ";
  const std::string report = pipeline.errors();
  ASSERT_TRUE(report.starts_with(mark)) << report;
  EXPECT_LE(std::stoi(report.substr(mark.size())),
            3 + 2 + 3);  // one more on its way into each stage, one being printed
}

TEST(PipelineTest, AFileThatCannotBeReadIsToldAndLeftOut) {
  const TempDir directory;
  const auto paths = make_files(directory, 10);
  fs::resize_file(paths[3], 65 << 20);
  Started pipeline({EXAMPLE_PIPELINE, directory.path().string()});
  EXPECT_EQ(pipeline.wait(), 1);
  EXPECT_TRUE(pipeline.errors().starts_with(paths[3] + ": is too large\n10 files, "))
      << pipeline.errors();
  EXPECT_EQ(pipeline.output().find(paths[3]), std::string::npos);
  EXPECT_NE(pipeline.output().find(paths[9]), std::string::npos);
}

TEST(PipelineTest, EndsWhenItsOutputCannotBeWritten) {
  const TempDir directory;
  make_files(directory, 100);
  Started pipeline({EXAMPLE_PIPELINE, directory.path().string()}, -1,
                   ::open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(pipeline.wait(), 1);
  EXPECT_NE(pipeline.errors().find("the output cannot be written"), std::string::npos)
      << pipeline.errors();
}

TEST(PipelineTest, AFolderThatIsNotThereIsTold) {
  Started pipeline({EXAMPLE_PIPELINE, "/nowhere"});
  EXPECT_EQ(pipeline.wait(), 1);
  EXPECT_NE(pipeline.errors().find("No such file"), std::string::npos) << pipeline.errors();
}

}  // namespace
}  // namespace example::test
