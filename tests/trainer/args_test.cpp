// Words of a command line: what is an override, an option, a mistake.
#include "trainer/cli/args.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace strata::trainer {
namespace {

const std::vector<Option> kKnown{{"data", "FILE", ""}, {"json", "", ""}, {"ranks", "N", ""}};

std::string error_of(const std::vector<std::string>& words) {
  try {
    const Args args(words, kKnown);
    args.number("ranks");
  } catch (const base::UserError& error) {
    EXPECT_EQ(error.exit_code, base::kBadUsage);
    return error.what();
  }
  return "";
}

TEST(Args, SortsWords) {
  const Args args(std::vector<std::string>{"a.yaml", "optimizer.lr=3e-4", "--data", "x=y.jsonl",
                                           "--json", "--ranks=4", "--", "--b"},
                  kKnown);
  EXPECT_EQ(args.positional(), (std::vector<std::string>{"a.yaml", "--b"}));
  EXPECT_EQ(args.overrides(), std::vector<std::string>{"optimizer.lr=3e-4"});
  EXPECT_EQ(args.value("data"), "x=y.jsonl");
  EXPECT_TRUE(args.has("json"));
  EXPECT_EQ(args.number("ranks"), 4);
}

TEST(Args, OverridesAreDottedLowerCaseKeys) {
  EXPECT_TRUE(is_override("run.steps=3"));
  EXPECT_TRUE(is_override("rewards=[]"));
  EXPECT_FALSE(is_override("runs/a=b"));
  EXPECT_FALSE(is_override("=3"));
  EXPECT_FALSE(is_override("a.yaml"));
}

TEST(Args, MistakesNameTheNearestOption) {
  EXPECT_NE(error_of({"--dta", "x"}).find("did you mean '--data'"), std::string::npos);
  EXPECT_NE(error_of({"--data"}).find("needs a value"), std::string::npos);
  EXPECT_NE(error_of({"--json=1"}).find("takes no value"), std::string::npos);
  EXPECT_NE(error_of({"--ranks", "4x"}).find("whole number"), std::string::npos);
}

}  // namespace
}  // namespace strata::trainer
