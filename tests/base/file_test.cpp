#include "base/file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"

namespace strata::base {
namespace {

using test::expect_user_error;
using test::TemporaryFolder;

size_t count_entries(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(File, WritesAndReadsBackAndMakesFolders) {
  const TemporaryFolder folder;
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
  const TemporaryFolder folder;
  expect_user_error(kBadData, {"absent.txt", "No such file"},
                    [&] { read_file(folder / "absent.txt"); });
  expect_user_error(kBadUsage, {"folder"}, [&] { read_file(folder.path(), kBadUsage); });
  expect_user_error(kBadCheckpoint, {"absent"},
                    [&] { MappedFile(folder / "absent", kBadCheckpoint); });
  write_file(folder / "file", "x");
  expect_user_error(kDiskTrouble, {"file"}, [&] { write_file(folder / "file" / "below", "x"); });
}

TEST(File, KeepsTheOldContentWhereAWriterFails) {
  const TemporaryFolder folder;
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

TEST(File, PublishesAFolderOverAnOlderOne) {
  const TemporaryFolder folder;
  for (const char* text : {"first", "second"}) {
    write_file(folder / "new" / "data", text);
    publish_folder(folder / "new", folder / "done");
    EXPECT_EQ(read_file(folder / "done" / "data"), text);
    EXPECT_EQ(count_entries(folder.path()), 1u);
  }
}

TEST(File, MapsAndMoves) {
  const TemporaryFolder folder;
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
