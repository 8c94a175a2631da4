#include "base/format.h"

#include <gtest/gtest.h>

#include <cmath>

namespace strata::base {
namespace {

TEST(Format, Durations) {
  EXPECT_EQ(format_duration(7985.9), "02:13:05");
  EXPECT_EQ(format_duration(0), "00:00:00");
  EXPECT_EQ(format_duration(86400 * 3 + 1), "3d 00:00:01");
  for (const double unknown :
       {std::nan(""), -1.0, std::numeric_limits<double>::infinity(), 1e300}) {
    EXPECT_EQ(format_duration(unknown), "--:--:--");
  }
}

TEST(Format, Counts) {
  EXPECT_EQ(format_count(7), "7");
  EXPECT_EQ(format_count(950), "950");
  EXPECT_EQ(format_count(999.4), "999");
  EXPECT_EQ(format_count(999.6), "1k");
  EXPECT_EQ(format_count(41200), "41.2k");
  EXPECT_EQ(format_count(5100), "5.1k");
  EXPECT_EQ(format_count(4.19e6), "4.19M");
  EXPECT_EQ(format_count(1.5e9), "1.5B");
  EXPECT_EQ(format_count(999.9e6), "1B");
  EXPECT_EQ(format_count(2e15), "2000T");
}

}  // namespace
}  // namespace strata::base
