#include "base/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/checksum.h"
#include "base/random.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::base {
namespace {

using tests::expect_user_error;
using tests::TempFolder;

std::string with_header(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

TEST(Safetensors, RoundTrip) {
  const TempFolder folder;
  const std::vector<float> a = {1, 2, 3, 4, 5, 6};
  const std::vector<uint8_t> b = {7};
  const auto bytes_of = [](const auto& values) {
    return [&values] { return std::as_bytes(std::span(values)); };
  };
  const uint32_t crc =
      write_safetensors(folder / "t.safetensors",
                        {{"w.a", "F32", {2, 3}, bytes_of(a)},
                         {"scalar", "U8", {}, bytes_of(b)},
                         {"none", "BF16", {0, 5}, [] { return std::span<const std::byte>(); }}},
                        {{"format", "pt"}});
  const std::string content = read_file(folder / "t.safetensors");
  EXPECT_EQ(crc, crc32c(content.data(), content.size()));

  const SafetensorsReader reader(folder / "t.safetensors");
  EXPECT_EQ(reader.metadata().at("format"), "pt");
  ASSERT_EQ(reader.tensors().size(), 3u);
  const TensorInfo& info = reader.tensors().at("w.a");
  EXPECT_EQ(info.dtype, "F32");
  EXPECT_EQ(info.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(reader.bytes(info).data(), a.data(), 24), 0);
  EXPECT_EQ((reader.bytes(info).data() - reinterpret_cast<const std::byte*>(0)) % 8, 0);
  EXPECT_EQ(reader.bytes(reader.tensors().at("none")).size(), 0u);
}

TEST(Safetensors, RefusesBadHeaders) {
  const TempFolder folder;
  const auto refused = [&](const std::string& content, const std::string& why) {
    write_file(folder / "bad", content);
    expect_user_error(kBadCheckpoint, {"bad", why},
                      [&] { SafetensorsReader(folder / "bad", kBadCheckpoint); });
  };
  refused("", "bytes");
  refused("1234567", "bytes");
  refused(std::string(8, '\xff'), "claims");
  refused(with_header("{", ""), "JSON");
  refused(with_header("[]", ""), "not a JSON object");
  refused(with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "123"),
          "lies at");
  refused(with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234"),
          "cannot have");
  refused(with_header(R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", "1234"),
          "unknown dtype");
  refused(with_header(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234"),
          "whole numbers");
  refused(with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "12"), "gap");
  refused(with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "12"),
          "no tensor");
  refused(with_header(
              R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", ""),
          "cannot have");
  const std::string a = R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
  refused(with_header("{" + a + "," + a + "}", "12"), "listed twice");
  refused(with_header("{" + a + R"(,"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", "123"),
          "overlap");
  refused(with_header(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", "1"), "'dtype'");
  refused(with_header(R"({"a":3})", ""), "object");
  refused(with_header(R"({"__metadata__":{"x":3}})", ""), "string");
}

TEST(Safetensors, NeverCrashesOnDamage) {
  const TempFolder folder;
  const std::vector<float> a(16);
  write_safetensors(folder / "ok",
                    {{"a", "F32", {4, 4}, [&] { return std::as_bytes(std::span(a)); }}},
                    {{"k", "v"}});
  const std::string sound = read_file(folder / "ok");
  for (uint64_t trial = 0; trial < 3000; ++trial) {
    std::string damaged = sound;
    const PhiloxBlock dice = philox(11, trial);
    damaged[dice[0] % damaged.size()] = static_cast<char>(dice[1]);
    damaged[dice[2] % damaged.size()] = static_cast<char>(dice[1] >> 8);
    if (dice[3] % 4 == 0) damaged.resize(dice[3] / 4 % damaged.size());
    fs::remove(folder / "bad");  // some file systems make replacing slow
    OutputFile(folder / "bad", OutputFile::Mode::kReplace).write(damaged);
    try {
      const SafetensorsReader reader(folder / "bad");
      for (const auto& [name, info] : reader.tensors())
        EXPECT_LE(reader.bytes(info).size(), damaged.size());
    } catch (const UserError&) {
    }
  }
}

TEST(Safetensors, AFullDiskIsTold) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  const std::vector<float> a(16);
  expect_user_error(kDiskTrouble, {"/dev/full", "No space left"}, [&] {
    write_safetensors("/dev/full",
                      {{"a", "F32", {16}, [&] { return std::as_bytes(std::span(a)); }}}, {});
  });
}

TEST(Safetensors, UnknownDtypesAreNamed) {
  EXPECT_EQ(dtype_bytes("BF16"), 2);
  expect_user_error(kBadUsage, {"'FP16'", "BF16"}, [] { dtype_bytes("FP16"); });
}

}  // namespace
}  // namespace strata::base
