#include "trainer/evaluation/given_answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace strata::trainer {

GivenAnswers::GivenAnswers(const Respondent& reader, const std::vector<JsonRow>& rows,
                           const std::string& key) {
  for (const JsonRow& row : rows) {
    const data::MaskedIds masked = reader.answered_ids(row, key);
    const auto first = std::ranges::find(masked.trained, true) - masked.trained.begin();
    if (static_cast<int64_t>(masked.ids.size()) > reader.context()) {
      throw base::UserError(
          base::kBadData, fmt::format("{}: prompt and answer have {} tokens, more than the model's "
                                      "context of {}",
                                      row.where, masked.ids.size(), reader.context()));
    }
    prompts_.push_back({{masked.ids.begin(), masked.ids.begin() + first},
                        base::compact_json(row.object),
                        row.where});
    answers_.emplace_back(masked.ids.begin() + first, masked.ids.end());
    sequences_.push_back(masked.ids);
  }
}

Rollout GivenAnswers::rollout() const {
  std::vector<Answer> answers;
  for (size_t i = 0; i < prompts_.size(); ++i)
    answers.push_back({&prompts_[i], answers_[i], /*reached_end=*/true});
  return Rollout(std::move(answers));
}

}  // namespace strata::trainer
