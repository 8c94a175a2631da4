// Prompts for jobs that generate their own answers (ppo, grpo): rows of `prompt` (a string or
// messages) or of `input_ids`, with whatever other columns the rewards want to see. Knows no order
// and no batch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/datasets/format.h"

namespace strata::data {

struct Prompt {
  std::vector<int32_t> ids;  ///< what the answer is generated after
  std::string row;           ///< the whole row as JSON text, as the file has it
  std::string where{};       ///< FILE:LINE, for complaints about it
};

class PromptSet {
 public:
  /// Reads and checks every row of the file. Prompts of more than `longest` ids
  /// (batch.sequence - generation.max_new_tokens) go by data.too_long: truncate cuts their
  /// beginning. A missing file and a bad row are kBadData (FILE:LINE and why).
  PromptSet(const std::string& file, const DatasetContext& context, int64_t longest);

  int64_t size() const { return static_cast<int64_t>(prompts_.size()); }
  const Prompt& at(int64_t i) const { return prompts_.at(static_cast<size_t>(i)); }
  /// The row of prompt i, parsed.
  base::Json row(int64_t i) const;
  /// A line for the log: file, prompts, what was cut or left out.
  std::string describe() const;
  /// Equal for sets of equal prompts and rows.
  std::string fingerprint() const;

 private:
  std::string file_;
  std::vector<Prompt> prompts_;
  int64_t longest_ = 0, cut_ = 0, dropped_ = 0;
};

}  // namespace strata::data
