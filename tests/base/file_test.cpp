#include "base/file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::base {
namespace {

using tests::expect_user_error;
using tests::TempFolder;

size_t count_entries(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(File, WritesAndReadsBackAndMakesFolders) {
  const TempFolder folder;
  const fs::path path = folder / "a" / "b" / "c.txt";
  write_file(path, "old");
  write_file(path, std::string("new\0text", 8));
  EXPECT_EQ(read_file(path), std::string("new\0text", 8));
  EXPECT_EQ(count_entries(path.parent_path()), 1u) << "a temporary file was left";
  write_file(path, "");
  EXPECT_EQ(read_file(path), "");
}

TEST(File, ReadsWhatHasNoSizeBeforehand) {
  EXPECT_NE(read_file("/proc/self/status").find("Name:"), std::string::npos);
}

TEST(File, AbsentFilesAndFoldersAreTheUsersMistakes) {
  const TempFolder folder;
  expect_user_error(kBadData, {"absent.txt", "No such file"},
                    [&] { read_file(folder / "absent.txt"); });
  expect_user_error(kBadUsage, {"folder"}, [&] { read_file(folder.path(), kBadUsage); });
  expect_user_error(kBadCheckpoint, {"absent"},
                    [&] { MappedFile(folder / "absent", kBadCheckpoint); });
  write_file(folder / "file", "x");
  expect_user_error(kDiskTrouble, {"file"}, [&] { write_file(folder / "file" / "below", "x"); });
}

TEST(File, KeepsTheOldContentWhereAWriterFails) {
  const TempFolder folder;
  const fs::path path = folder / "kept.txt";
  write_file(path, "old");
  EXPECT_THROW(write_file_with(path,
                               [](const fs::path& temporary) {
                                 std::ofstream(temporary) << "half";
                                 throw std::runtime_error("no more");
                               }),
               std::runtime_error);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(count_entries(folder.path()), 1u);
}

TEST(OutputFile, ReplacesAppendsAndMoves) {
  const TempFolder folder;
  const fs::path path = folder / "deep" / "out";
  OutputFile(path, OutputFile::Mode::kReplace).write("old and long");
  {
    OutputFile first(path, OutputFile::Mode::kReplace);
    first.write("new");
    EXPECT_EQ(read_file(path), "new") << "a write reaches the system at once";
    OutputFile moved = std::move(first);
    moved.write("er");
    moved.sync();
  }
  OutputFile(path, OutputFile::Mode::kAppend).write("!");
  EXPECT_EQ(read_file(path), "newer!");
}

TEST(File, PublishesAFolderOverAnOlderOne) {
  const TempFolder folder;
  for (const char* text : {"first", "second"}) {
    write_file(folder / "new" / "data", text);
    publish_folder(folder / "new", folder / "done");
    EXPECT_EQ(read_file(folder / "done" / "data"), text);
    EXPECT_EQ(count_entries(folder.path()), 1u);
  }
}

TEST(File, MapsAndMoves) {
  const TempFolder folder;
  write_file(folder / "m", "mapped");
  write_file(folder / "empty", "");
  MappedFile one(folder / "m");
  MappedFile two = std::move(one);
  EXPECT_EQ(one.bytes().size(), 0u);
  one = MappedFile(folder / "empty");
  EXPECT_EQ(one.bytes().size(), 0u);
  ASSERT_EQ(two.bytes().size(), 6u);
  EXPECT_EQ(static_cast<char>(two.bytes()[0]), 'm');
}

}  // namespace
}  // namespace strata::base
