#include "base/checksum.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/random.h"

namespace strata::base {
namespace {

TEST(Crc32c, KnownValues) {
  // RFC 3720, appendix B.4.
  EXPECT_EQ(crc32c(std::string(32, '\0').data(), 32), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff').data(), 32), 0x62a8ab43u);
  EXPECT_EQ(crc32c("123456789", 9), 0xe3069283u);
  EXPECT_EQ(crc32c("", 0), 0u);
}

TEST(Crc32c, HardwareAndTableAgreeOnEveryLengthAndCut) {
  std::vector<float> noise(8000);
  fill_uniform(noise.data(), 8000, 3, 0, 0.0f, 1.0f);
  const auto* bytes = reinterpret_cast<const char*>(noise.data());
  for (size_t size : {0, 1, 7, 8, 9, 1359, 4079, 4080, 4081, 8160, 9000, 31999}) {
    EXPECT_EQ(crc32c(bytes + 1, size), crc32c_portable(bytes + 1, size)) << size;
    const size_t cut = size / 3;
    EXPECT_EQ(crc32c(bytes + cut, size - cut, crc32c(bytes, cut)), crc32c(bytes, size)) << size;
  }
}

TEST(Crc32c, SeesEveryFlippedBit) {
  std::string text(5000, 'x');
  const uint32_t before = crc32c(text.data(), text.size());
  for (size_t i = 0; i < text.size(); i += 97) {
    text[i] ^= 4;
    EXPECT_NE(crc32c(text.data(), text.size()), before);
    text[i] ^= 4;
  }
}

TEST(Fingerprint, KnownValue) {
  EXPECT_EQ(fingerprint(""),
            "99aa06d3014798d86001c324468d497f");  // XXH3's own test of an empty input
  EXPECT_NE(fingerprint("a"), fingerprint("b"));
}

}  // namespace
}  // namespace strata::base
