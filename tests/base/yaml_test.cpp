#include "base/yaml.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace strata::base {
namespace {

YamlNode parse(const std::string& text, std::vector<Complaint>& complaints) {
  return parse_yaml(text, "t.yaml", false, complaints);
}

TEST(Yaml, KeepsOrderPlacesAndQuotes) {
  std::vector<Complaint> complaints;
  const YamlNode root = parse("b: 1\na:\n  - 'x'\n  - {c: ~}\n", complaints);
  ASSERT_TRUE(complaints.empty());
  EXPECT_EQ(root.entries[0].key, "b");
  EXPECT_EQ(root.entries[1].place.text(), "t.yaml:2:1");
  const YamlNode& list = root.entries[1].value;
  EXPECT_TRUE(list.items[0].quoted);
  EXPECT_EQ(list.items[0].place.text(), "t.yaml:3:5");
  EXPECT_EQ(list.items[1].find("c")->kind, YamlNode::Kind::kNothing);
  EXPECT_EQ(root.find("none"), nullptr);
}

TEST(Yaml, AliasesAreCopiedWithinBounds) {
  std::vector<Complaint> complaints;
  const YamlNode root = parse("a: &x {k: 1}\nb: *x\n", complaints);
  ASSERT_TRUE(complaints.empty());
  EXPECT_EQ(root.find("b")->find("k")->text, "1");

  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    std::string aliases;
    for (int k = 0; k < 10; ++k) aliases += "*a" + std::to_string(i - 1) + ",";
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + aliases + "]\n";
  }
  parse(bomb, complaints);
  ASSERT_FALSE(complaints.empty());
  EXPECT_NE(complaints[0].why.find("too many values"), std::string::npos);

  complaints.clear();
  parse("a: &x [*x]\n", complaints);
  EXPECT_FALSE(complaints.empty());
}

TEST(Yaml, DeepNestingIsRefusedNotFatal) {
  for (const std::string& open : {std::string("["), std::string("{a: "), std::string("- ")}) {
    std::string deep;
    for (int i = 0; i < 20000; ++i) deep += open;
    std::vector<Complaint> complaints;
    parse(deep, complaints);
    EXPECT_FALSE(complaints.empty());
  }
}

TEST(Yaml, MergesMappingsAndReplacesTheRest) {
  std::vector<Complaint> complaints;
  YamlNode under = parse("a: {x: 1, y: 2}\nb: [1, 2]\nc: {z: 1}\n", complaints);
  merge_yaml(under, parse("a: {y: 3, w: 4}\nb: [9]\nc:\nd: 5\n", complaints));
  EXPECT_EQ(under.find("a")->find("x")->text, "1");
  EXPECT_EQ(under.find("a")->find("y")->text, "3");
  EXPECT_EQ(under.find("a")->find("w")->text, "4");
  EXPECT_EQ(under.find("b")->items.size(), 1u);
  EXPECT_EQ(under.find("c")->find("z")->text, "1");
  EXPECT_EQ(under.find("d")->text, "5");
}

TEST(Yaml, NeverCrashesOnNoise) {
  const std::string seed =
      "base: x\noptimizer: {lr: 1e-3, betas: [0.9, 0.95]}\ndata:\n  train:\n    - path: 'a'\n      "
      "weight: 1\n"
      "text: |\n  line\n  more\nanchor: &a [1, 2]\nalias: *a\n? complex\n: \"q\\n\"\n";
  const std::string alphabet = "{}[]:,-?&*!|>'\"%@`# \n\t\\~<\xff\xc3x1";
  for (uint64_t trial = 0; trial < 20000; ++trial) {
    std::string text = seed;
    for (uint64_t change = 0; change <= trial % 5; ++change) {
      const PhiloxBlock dice = philox(trial, change);
      const size_t at = dice[0] % text.size();
      const char c = alphabet[dice[1] % alphabet.size()];
      if (dice[2] % 3 == 0) text[at] = c;
      if (dice[2] % 3 == 1) text.insert(at, 1, c);
      if (dice[2] % 3 == 2) text.erase(at, 1 + dice[3] % 4);
      if (text.empty()) text = "x";
    }
    std::vector<Complaint> complaints;
    parse(text, complaints);
  }
}

}  // namespace
}  // namespace strata::base
