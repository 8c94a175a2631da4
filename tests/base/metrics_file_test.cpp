#include "base/metrics_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::base {
namespace {

using tests::expect_user_error;
using tests::TempFolder;

TEST(MetricsFile, LinesKeepOrderAndPrecision) {
  EXPECT_EQ(metric_line({{"step", 120}, {"loss", 0.1}, {"eval/x\"", NAN}, {"tokens", 1e15}}),
            R"({"step":120,"loss":0.1,"eval/x\"":null,"tokens":1000000000000000})");
  EXPECT_EQ(metric_line({{"a", 1.0 / 3}, {"b", 1e-300}, {"c", INFINITY}}),
            R"({"a":0.3333333333333333,"b":1e-300,"c":null})");
}

TEST(MetricsFile, WritesAndReadsBack) {
  const TempFolder folder;
  const fs::path path = folder / "run" / "metrics.jsonl";
  MetricsFile file(path, 0);
  file.append({{"step", 1}, {"loss", 1.0 / 3}});
  file.append({{"step", 2}, {"loss", NAN}, {"eval/loss", 2}});
  const auto rows = read_metrics(path);  // while it is open
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0][1], (std::pair<std::string, double>{"loss", 1.0 / 3}));
  EXPECT_TRUE(std::isnan(rows[1][1].second));
  EXPECT_EQ(rows[1][2].first, "eval/loss");
}

TEST(MetricsFile, GoesOnAfterAStep) {
  const TempFolder folder;
  const fs::path path = folder / "metrics.jsonl";
  write_file(path,
             "{\"step\":1,\"loss\":3}\n{\"step\":2,\"loss\":2}\n{\"step\":3,\"loss\":1}\n{\"step\":"
             "4,\"lo");
  EXPECT_EQ(read_metrics(path).size(), 3u);
  MetricsFile(path, 2).append({{"step", 3}, {"loss", 9}});
  EXPECT_EQ(read_file(path),
            "{\"step\":1,\"loss\":3}\n{\"step\":2,\"loss\":2}\n{\"step\":3,\"loss\":9}\n");
  MetricsFile(path, 3).append({{"step", 4}});
  EXPECT_EQ(read_metrics(path).size(), 4u);
  MetricsFile(path, 0);
  EXPECT_EQ(read_file(path), "");
}

TEST(MetricsFile, BadLinesNameTheirPlace) {
  const TempFolder folder;
  write_file(folder / "m", "{\"step\":1}\nnonsense\n{\"step\":2}\n");
  expect_user_error(kBadData, {"m:2: column", "not valid JSON"},
                    [&] { read_metrics(folder / "m"); });
  write_file(folder / "m", "[1]\n");
  expect_user_error(kBadData, {"m:1: a JSON object"}, [&] { read_metrics(folder / "m"); });
  expect_user_error(kBadData, {"none"}, [&] { read_metrics(folder / "none"); });
}

}  // namespace
}  // namespace strata::base
