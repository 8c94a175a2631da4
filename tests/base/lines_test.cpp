#include "base/lines.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::base {
namespace {

using tests::expect_user_error;
using tests::TempFolder;

std::string zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string read_all(const fs::path& path) {
  std::string text;
  for (LineReader lines(path); lines.next();) text += std::string(lines.line()) + "\n";
  return text;
}

TEST(Lines, NumbersOffsetsAndLineBreaks) {
  const TempFolder folder;
  write_file(folder / "t",
             "\xef\xbb\xbf"
             "one\r\n\ntwo\nlast");
  LineReader lines(folder / "t");
  std::vector<std::string> seen;
  std::vector<int64_t> offsets;
  while (lines.next()) {
    seen.emplace_back(lines.line());
    offsets.push_back(lines.offset());
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"one", "", "two", "last"}));
  EXPECT_EQ(offsets, (std::vector<int64_t>{0, 8, 9, 13}));
  EXPECT_EQ(lines.number(), 4);
  EXPECT_EQ(lines.where(), (folder / "t").string() + ":4");

  LineReader middle(folder / "t", 9, 3);
  ASSERT_TRUE(middle.next());
  EXPECT_EQ(middle.line(), "two");
  EXPECT_EQ(middle.number(), 3);
  EXPECT_EQ(middle.offset(), 9);
}

TEST(Lines, CompressedEqualsPlain) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 60000; ++i)
    text += fmt::format("{{\"row\": {}, \"text\": \"{}\"}}\n", i, i * 7919 % 1000);
  text += std::string(3 << 20, 'x') + "\n";  // a line longer than the buffers
  write_file(folder / "a.jsonl", text);
  write_file(folder / "a.jsonl.gz", gzip(text));
  write_file(folder / "a.jsonl.zst", zstd(text));
  write_file(folder / "two.gz", gzip(text) + gzip("more\n"));
  write_file(folder / "two.zst", zstd(text) + zstd("more\n"));
  EXPECT_EQ(read_all(folder / "a.jsonl"), text);
  EXPECT_EQ(read_all(folder / "a.jsonl.gz"), text);
  EXPECT_EQ(read_all(folder / "a.jsonl.zst"), text);
  EXPECT_EQ(read_all(folder / "two.gz"), text + "more\n");
  EXPECT_EQ(read_all(folder / "two.zst"), text + "more\n");
  EXPECT_TRUE(is_compressed(folder / "a.jsonl.gz"));
  EXPECT_FALSE(is_compressed(folder / "a.jsonl"));
}

TEST(Lines, OutputOfExactlyOneBlockEnds) {
  const TempFolder folder;
  for (size_t size : {size_t{256 * 1024}, size_t{512 * 1024}, size_t{0}}) {
    const std::string text(size, 'y');
    write_file(folder / "b.zst", zstd(text));
    write_file(folder / "b.gz", gzip(text));
    const std::string expected = size ? text + "\n" : "";
    EXPECT_EQ(read_all(folder / "b.zst"), expected);
    EXPECT_EQ(read_all(folder / "b.gz"), expected);
  }
}

TEST(Lines, CutOffAndDamagedStreamsAreErrors) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += fmt::format("line {} {}\n", i, i * 31 % 977);
  for (const auto& [name, packed] :
       {std::pair{"c.gz", gzip(text)}, std::pair{"c.zst", zstd(text)}}) {
    for (size_t keep : {packed.size() - 1, packed.size() / 2, size_t{20}}) {
      write_file(folder / name, packed.substr(0, keep));
      expect_user_error(kBadData, {name, "cut off"}, [&, name = name] { read_all(folder / name); });
    }
    std::string damaged = packed;
    damaged[packed.size() / 2] ^= 0x55;
    damaged[packed.size() / 2 + 1] ^= 0x55;
    write_file(folder / name, damaged);
    try {
      EXPECT_NE(read_all(folder / name), text);
    } catch (const UserError& error) {
      EXPECT_EQ(error.exit_code, kBadData);
    }
  }
  expect_user_error(kBadData, {"absent.jsonl", "No such file"},
                    [&] { LineReader(folder / "absent.jsonl"); });
}

}  // namespace
}  // namespace strata::base
