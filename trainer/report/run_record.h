// What a run's folder tells a report: metrics, config and samples, as they were left. Reads
// finished and running runs; knows nothing of how they are shown.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics_file.h"

namespace strata::trainer {

/// A generated text of RUN/samples.jsonl.
struct SampleRecord {
  int64_t step = 0;
  std::string prompt, completion;
  std::optional<double> score = {};  ///< the rewards' sum, where it was judged
};

struct RunRecord {
  std::string name;
  std::vector<base::MetricRow> metrics;
  std::vector<std::pair<std::string, std::string>> config;  ///< dotted key and value
  std::vector<SampleRecord> samples;                        ///< empty where the run keeps none

  /// (step, value) of every row that holds `metric`.
  std::vector<std::pair<double, double>> curve(const std::string& metric) const;
};

/// Reads RUN/metrics.jsonl, and RUN/config.yaml and RUN/samples.jsonl where they are there.
/// UserError (kBadUsage) where `folder` is no run, (kBadData) for a damaged file.
RunRecord read_run(const std::filesystem::path& folder);

}  // namespace strata::trainer
