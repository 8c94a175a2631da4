#include "base/error.h"

#include <gtest/gtest.h>

namespace strata::base {
namespace {

TEST(NearestName, FindsSlipsSwapsAndAbbreviations) {
  const std::vector<std::string> keys = {"weight_decay", "warmup", "betas", "lr", "min_lr"};
  EXPECT_EQ(nearest_name("wieght_decay", keys), "weight_decay");
  EXPECT_EQ(nearest_name("Warmup", keys), "warmup");
  EXPECT_EQ(nearest_name("warm", keys), "warmup");
  EXPECT_EQ(nearest_name("rl", keys), "lr");
  EXPECT_EQ(nearest_name("minlr", keys), "min_lr");
}

TEST(NearestName, SaysNothingWhereNothingIsNear) {
  const std::vector<std::string> keys = {"weight_decay", "warmup"};
  EXPECT_EQ(nearest_name("temperature", keys), "");
  EXPECT_EQ(nearest_name("", keys), "");
  EXPECT_EQ(nearest_name(std::string(100000, 'x'), {std::string(100000, 'y')}), "");
  EXPECT_EQ(did_you_mean("temperature", keys), "");
  EXPECT_EQ(did_you_mean("wramup", keys), " (did you mean 'warmup'?)");
}

TEST(InternalError, TellsWhereItHappened) {
  try {
    ensure(false, "two is not three");
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("two is not three (error_test.cpp:"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace strata::base
