// `strata data inspect`: what a data path holds, and some of its samples as text with the trained
// tokens marked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "data/batch.h"
#include "data/datasets/format.h"

namespace strata::data {

/// A run of tokens that are all trained, or all not.
struct TextRun {
  std::string text;
  bool trained = false;
};

struct InspectedRow {
  int64_t sample = 0;
  int64_t tokens = 0, trained = 0;       ///< trained: how many of them are predicted in the loss
  std::map<std::string, float> columns;  ///< what the row says beside its text: rank, label, ...
  std::vector<TextRun> runs;             ///< ids in brackets where there is no tokenizer
};

struct Inspection {
  base::Json summary;  ///< an object of facts in the order in which to show them
  std::vector<InspectedRow> rows;
};

/// Opens the path as a job would (open_dataset) and takes `samples` samples, evenly spread.
Inspection inspect(const std::filesystem::path& path, const DatasetContext& context,
                   int64_t samples);

/// A row's tokens, the last target among them, as runs of text.
std::vector<TextRun> text_runs(const Row& row, const TextCodec* codec);

/// For people: a line per fact, then the samples; trained runs between `before` and `behind`.
std::string inspection_text(const Inspection& inspection, std::string_view before,
                            std::string_view behind);
/// For programs: {..summary.., "rows": [{"sample", "tokens", "trained", "runs": [{"text",
/// "trained"}]}]}.
base::Json inspection_json(const Inspection& inspection);

}  // namespace strata::data
