// Answers that stand in the rows beside their prompts, as a rollout that rewards can judge and as
// whole sequences that a reward model reads.
#pragma once

#include <string>
#include <vector>

#include "trainer/evaluation/respondent.h"

namespace strata::trainer {

class GivenAnswers {
 public:
  /// Reads `key` of every row, encoded as training does: the end token closes an answer. UserError
  /// (kBadData) with FILE:LINE, also where prompt and answer have more ids than the model reads.
  GivenAnswers(const Respondent& reader, const std::vector<JsonRow>& rows, const std::string& key);

  /// Borrows from this.
  Rollout rollout() const;
  /// Prompt and answer of each row.
  const std::vector<std::vector<int32_t>>& sequences() const { return sequences_; }

 private:
  std::vector<data::Prompt> prompts_;
  std::vector<std::vector<int32_t>> answers_, sequences_;
};

}  // namespace strata::trainer
