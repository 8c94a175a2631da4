#include "base/config_value.h"

#include <gtest/gtest.h>

#include <cmath>

namespace strata::base {
namespace {

YamlNode scalar(const std::string& text, bool quoted = false) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.text = text;
  node.quoted = quoted;
  return node;
}

template <class T>
std::optional<T> parse(const std::string& text) {
  return parse_value(scalar(text), static_cast<const T*>(nullptr)).value;
}

TEST(ConfigValue, WholeNumbers) {
  EXPECT_EQ(parse<int64_t>("0"), 0);
  EXPECT_EQ(parse<int64_t>("-17"), -17);
  EXPECT_EQ(parse<int64_t>("+3"), 3);
  EXPECT_EQ(parse<int64_t>("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse<int64_t>("64Ki"), 65536);
  EXPECT_EQ(parse<int64_t>("2B"), 2000000000);
  EXPECT_EQ(parse<int64_t>("1.5K"), 1500);
  EXPECT_EQ(parse<int64_t>("1e3"), 1000);
  EXPECT_EQ(parse<int64_t>("3Ti"), int64_t{3} << 40);
  for (const char* bad : {"010",  "1_000",     "0x10", ".nan", ".inf", "1.0", "1.5",
                          "1e-3", "1.0001K",   "",     "K",    "-",    "1 2", "9223372036854775808",
                          "1e19", "9999999T9", "1KiB", "1e",   "e3",   "++1", "+-1",
                          "--1",  "1k"}) {
    EXPECT_FALSE(parse<int64_t>(bad).has_value()) << bad;
  }
}

TEST(ConfigValue, Numbers) {
  EXPECT_EQ(parse<double>("1e-3"), 1e-3);
  EXPECT_EQ(parse<double>("1.0e-5"), 1e-5);
  EXPECT_EQ(parse<double>(".5"), 0.5);
  EXPECT_EQ(parse<double>("5."), 5.0);
  EXPECT_EQ(parse<double>("-2"), -2.0);
  EXPECT_EQ(parse<double>("0.5M"), 500000.0);
  for (const char* bad : {".nan", "nan", "inf", "-inf", ".inf", "1e999", "01.5", "1_0.0", "abc",
                          ".", "0x1p3", "1,5", "1e5e5"}) {
    EXPECT_FALSE(parse<double>(bad).has_value()) << bad;
  }
  EXPECT_FALSE(
      parse_value(scalar("1", true), static_cast<const double*>(nullptr)).value.has_value());
}

TEST(ConfigValue, WordsAndAuto) {
  EXPECT_EQ(parse<bool>("true"), true);
  EXPECT_EQ(parse<bool>("False"), false);
  for (const char* bad : {"yes", "no", "on", "1", "0", "tRUE", ""})
    EXPECT_FALSE(parse<bool>(bad).has_value()) << bad;
  EXPECT_EQ(parse<AutoInt>("auto").value(), AutoInt());
  EXPECT_EQ(parse<AutoInt>("4").value(), AutoInt(4));
  EXPECT_FALSE(parse<AutoInt>("car").has_value());
  EXPECT_EQ(parse<std::string>("1f1b"), "1f1b");
}

TEST(ConfigValue, Limits) {
  EXPECT_EQ(why_outside(at_least(0), 0.0), "");
  EXPECT_NE(why_outside(above(0), 0.0), "");
  EXPECT_NE(why_outside(below_one(), 1.0), "");
  EXPECT_EQ(why_outside(between(0, 1), 1.0), "");
  EXPECT_EQ(why_outside(at_least(1), AutoInt()), "");
  EXPECT_EQ(describe_limits(between(0, 1)), "0 to 1");
  EXPECT_EQ(describe_limits(above(0)), "above 0");
  EXPECT_EQ(describe_limits(below_one()), "at least 0 and below 1");
  EXPECT_EQ(describe_limits({}), "");
}

TEST(ConfigValue, DoublesReadBackToTheSameBits) {
  for (const double value : {0.1, 1e-300, 1.0 / 3, 3e-4, 1e22, 5e-324, 123456789.0, -0.0}) {
    const auto back = parse<double>(write_value(value));
    ASSERT_TRUE(back.has_value()) << write_value(value);
    EXPECT_EQ(std::signbit(*back), std::signbit(value));
    EXPECT_EQ(*back, value);
  }
}

TEST(ConfigValue, EveryTextReadsBack) {
  for (int first = 1; first < 128; ++first) {
    for (const std::string& tail :
         {std::string(), std::string("x"), std::string(": y"), std::string(" #")}) {
      const std::string text = static_cast<char>(first) + tail;
      std::vector<Complaint> complaints;
      const YamlNode node = parse_yaml("k: [" + yaml_text(text) + "]", "t", false, complaints);
      ASSERT_TRUE(complaints.empty()) << text << " " << complaints[0].why;
      EXPECT_EQ(node.find("k")->items.at(0).text, text);
    }
  }
}

}  // namespace
}  // namespace strata::base
