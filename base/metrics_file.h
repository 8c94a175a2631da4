// metrics.jsonl: a JSON object per logged step, numbers only, keys in the order given. Written by a
// run, read by reports and tests. Over restarts there is one row per step.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace strata::base {

/// Names and values; NaN and Inf are written as null and read as NaN.
using MetricRow = std::vector<std::pair<std::string, double>>;

/// `{"step":120,"loss":3.4120001}`: every value in the shortest form that reads back to the same
/// bits.
std::string metric_line(const MetricRow& row);

class MetricsFile {
 public:
  /// Goes on after step `done`: a torn last line and rows of later steps are dropped. Makes file
  /// and folder.
  MetricsFile(const fs::path& path, int64_t done);
  /// Written through to the system at once.
  void append(const MetricRow& row) { file_.write(metric_line(row) + "\n"); }

 private:
  OutputFile file_;
};

/// All rows. A last line without a line break is being written and is left out; another bad line is
/// a UserError (kBadData) with file and line.
std::vector<MetricRow> read_metrics(const fs::path& path);

}  // namespace strata::base
