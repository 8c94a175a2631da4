// What `strata eval --json` said, in the report: one table, a column for each model and a row for
// each number, so that the stages of a model's life stand side by side. Knows no run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace strata::trainer {

struct EvaluationRecord {
  struct Number {
    std::string name;  ///< with the data, and the temperature where answers were sampled
    double value;
    std::optional<std::pair<double, double>> interval = {};
  };
  std::string model;
  std::vector<Number> numbers;
};

/// Whether a path that the report was given is an evaluation rather than a run.
bool is_evaluation(const std::filesystem::path& path);
/// UserError (kBadData) where the file is none.
EvaluationRecord read_evaluation(const std::filesystem::path& file);

/// HTML; empty where there is nothing to show. Evaluations of one model share a column.
std::string evaluations_section(const std::vector<EvaluationRecord>& evaluations);

}  // namespace strata::trainer
