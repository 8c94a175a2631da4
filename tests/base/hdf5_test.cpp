#include "base/hdf5.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::base {
namespace {

using tests::expect_user_error;
using tests::TempFolder;

std::vector<uint16_t> counting(size_t count) {
  std::vector<uint16_t> values(count);
  std::iota(values.begin(), values.end(), uint16_t{0});
  return values;
}

TEST(Hdf5, WritesAndReadsWindowsOfAFixedDataset) {
  const TempFolder folder;
  const auto tokens = counting(10000);
  {
    Hdf5File file = Hdf5File::create(folder / "a.h5");
    Hdf5Dataset dataset = file.create_fixed("tokens", Hdf5Type::kU16, 10000);
    dataset.write(0, std::span<const uint16_t>(tokens).first(6000));
    dataset.write(6000, std::span<const uint16_t>(tokens).subspan(6000));
    file.set_attribute("version", int64_t{3});
    file.set_attribute("tokenizer", "abc");
    file.set_attribute("empty", "");
    file.close();
  }
  const Hdf5File file = Hdf5File::open(folder / "a.h5");
  const Hdf5Dataset dataset = file.dataset("tokens");
  EXPECT_EQ(dataset.size(), 10000);
  EXPECT_EQ(dataset.type(), Hdf5Type::kU16);
  std::vector<int32_t> window(5);
  dataset.read(9995, std::span(window));
  EXPECT_EQ(window, (std::vector<int32_t>{9995, 9996, 9997, 9998, 9999}));
  EXPECT_EQ(file.int_attribute("version"), 3);
  EXPECT_EQ(file.text_attribute("tokenizer"), "abc");
  EXPECT_EQ(file.text_attribute("empty"), "");
  EXPECT_FALSE(file.has_attribute("other"));
  EXPECT_FALSE(file.has_dataset("other"));

  ASSERT_TRUE(dataset.file_offset().has_value());
  const MappedFile mapped(folder / "a.h5");
  EXPECT_EQ(std::memcmp(mapped.bytes().data() + *dataset.file_offset(), tokens.data(), 20000), 0);
}

TEST(Hdf5, GrowingDatasetsAppend) {
  const TempFolder folder;
  {
    Hdf5File file = Hdf5File::create(folder / "g.h5");
    Hdf5Dataset dataset = file.create_growing("starts", Hdf5Type::kI64, 7);
    for (int64_t i = 0; i < 100; i += 10) {
      const std::vector<int64_t> ten = {i,     i + 1, i + 2, i + 3, i + 4,
                                        i + 5, i + 6, i + 7, i + 8, i + 9};
      dataset.append(std::span<const int64_t>(ten));
    }
    file.close();
  }
  const Hdf5Dataset dataset =
      Hdf5File::open(folder / "g.h5").dataset("starts");  // outlives its file object
  EXPECT_EQ(dataset.size(), 100);
  EXPECT_FALSE(dataset.file_offset().has_value());
  std::vector<int64_t> window(3);
  dataset.read(50, std::span(window));
  EXPECT_EQ(window, (std::vector<int64_t>{50, 51, 52}));
}

TEST(Hdf5, EmptyDatasets) {
  const TempFolder folder;
  Hdf5File file = Hdf5File::create(folder / "e.h5");
  file.write("nothing", std::span<const uint8_t>());
  const Hdf5Dataset dataset = file.dataset("nothing");
  EXPECT_EQ(dataset.size(), 0);
  EXPECT_FALSE(dataset.file_offset().has_value());
  dataset.read(0, std::span<uint8_t>());
}

TEST(Hdf5, MistakesNameTheFileAndTheDataset) {
  const TempFolder folder;
  {
    Hdf5File file = Hdf5File::create(folder / "m.h5");
    const std::vector<uint32_t> large = {4000000000u};
    file.write("large", std::span<const uint32_t>(large));
    file.set_attribute("text", "x");
    file.close();
  }
  const Hdf5File file = Hdf5File::open(folder / "m.h5");
  expect_user_error(kBadData, {"'tokens'", "m.h5", "missing"}, [&] { file.dataset("tokens"); });
  expect_user_error(kBadData, {"'text'", "whole number"}, [&] { file.int_attribute("text"); });
  expect_user_error(kBadData, {"'none'", "missing"}, [&] { file.text_attribute("none"); });
  std::vector<int32_t> one(1);
  expect_user_error(kBadData, {"too large"},
                    [&] { file.dataset("large").read(0, std::span(one)); });
  std::vector<int64_t> wide(1);
  file.dataset("large").read(0, std::span(wide));
  EXPECT_EQ(wide[0], 4000000000);
  expect_user_error(kBadData, {"lies outside"},
                    [&] { file.dataset("large").read(1, std::span(wide)); });
  expect_user_error(kBadData, {"No such file"}, [&] { Hdf5File::open(folder / "absent.h5"); });
  write_file(folder / "text.h5", "no HDF5 at all");
  expect_user_error(kBadData, {"text.h5", "HDF5"}, [&] { Hdf5File::open(folder / "text.h5"); });
  expect_user_error(kDiskTrouble, {"create"},
                    [&] { Hdf5File::create(folder / "no" / "folder.h5"); });
}

TEST(Hdf5, DamagedFilesAreRefusedOrReadRight) {
  const TempFolder folder;
  std::vector<uint16_t> tokens = counting(3000);
  {
    Hdf5File file = Hdf5File::create(folder / "d.h5");
    file.create_growing("tokens", Hdf5Type::kU16, 1000).append(std::span<const uint16_t>(tokens));
    file.set_attribute("version", int64_t{1});
    file.close();
  }
  const std::string sound = read_file(folder / "d.h5");
  int refused = 0, same = 0;
  for (size_t at = 0; at < sound.size(); at += 13) {
    std::string damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x21);
    fs::remove(folder / "x.h5");  // some file systems make replacing slow
    OutputFile(folder / "x.h5", OutputFile::Mode::kReplace).write(damaged);
    try {
      const Hdf5File file = Hdf5File::open(folder / "x.h5");
      const Hdf5Dataset dataset = file.dataset("tokens");
      std::vector<uint16_t> back(static_cast<size_t>(dataset.size()));
      dataset.read(0, std::span(back));
      EXPECT_EQ(back, tokens) << "byte " << at;
      ++same;
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, same);
  for (size_t size = 0; size < sound.size(); size += 101) {
    fs::remove(folder / "x.h5");  // some file systems make replacing slow
    OutputFile(folder / "x.h5", OutputFile::Mode::kReplace).write(sound.substr(0, size));
    EXPECT_THROW(Hdf5File::open(folder / "x.h5"), UserError) << size;
  }
}

TEST(Hdf5, Version) { EXPECT_EQ(hdf5_version().substr(0, 2), "1."); }

}  // namespace
}  // namespace strata::base
