#include "base/tensorboard_file.h"

#include <gtest/gtest.h>

#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace strata::base {
namespace {

TEST(TensorboardFile, EqualsTensorBoardsOwnBytes) {
  constexpr double kWallTime = 1700000000.25;  // of tests/golden/make_tensorboard.py
  const std::string written =
      tensorboard_header(kWallTime) + tensorboard_restart(kWallTime, 1) +
      tensorboard_scalars(kWallTime, 1, {{"step", 1}, {"loss", 3.5}, {"eval/loss", 4.25}}) +
      tensorboard_scalars(kWallTime, 300, {{"step", 300}, {"loss", 1e-3}});
  EXPECT_EQ(written,
            read_file(tests::tests_folder() / "golden" / "tensorboard" / "scalars.events"));
}

TEST(TensorboardFile, WritesAFileThatTensorBoardFinds) {
  const tests::TempFolder folder;
  TensorboardFile file(folder / "tensorboard", 10);
  file.append(11, {{"step", 11}, {"loss", 2.5}});
  const fs::path path = fs::directory_iterator(folder / "tensorboard")->path();
  EXPECT_TRUE(path.filename().string().starts_with("events.out.tfevents."));
  EXPECT_NE(read_file(path).find("loss"), std::string::npos);
}

}  // namespace
}  // namespace strata::base
