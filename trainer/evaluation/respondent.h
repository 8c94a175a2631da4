// A model that is asked questions: it takes the prompts of rows as it was taught (plain, or through
// its chat template) and gives answers as ids and as text. Knows no task and no right answer.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/chat/prompt_codec.h"
#include "trainer/config/run_config.h"
#include "trainer/rewards/reward.h"
#include "trainer/rl/rollout.h"
#include "trainer/use/opened_model.h"
#include "trainer/use/rows.h"

namespace strata::trainer {

/// Answers to every question, `copies` of each side by side.
struct AnswerSet {
  Rollout rollout;
  int64_t copies = 1;
  std::vector<std::string> texts;  ///< without end token, and up to the first stop string

  int64_t questions() const { return rollout.size() / copies; }
  std::span<const std::string> of(size_t question) const {
    return std::span(texts).subspan(question * static_cast<size_t>(copies),
                                    static_cast<size_t>(copies));
  }
  /// The share of answers that ended by themselves.
  double stop_rate() const;
};

/// Text of ids; without a tokenizer the numbers themselves, with spaces between.
std::string text_of_ids(const data::Tokenizer* codec, std::span<const int32_t> ids);

class Respondent {
 public:
  /// `model` outlives it.
  Respondent(Session& session, const OpenedModel& model);

  /// The ids of a row's prompt (`prompt`, else `question`, else `input_ids`; data.columns maps
  /// them). UserError (kBadData) with FILE:LINE.
  std::vector<int32_t> prompt_ids(const JsonRow& row) const;
  /// The ids of prompt and answer, the answer (with its end token) trained; the answer stands under
  /// `key`. Without a tokenizer both are ids.
  data::MaskedIds answered_ids(const JsonRow& row, const std::string& key) const;
  /// Ids that stand under `key` as text (encoded alone) or as ids.
  std::vector<int32_t> encoded(const base::Json& value, const JsonRow& row,
                               const std::string& key) const;

  /// Keeps the prompts to ask. One that leaves no room for generation.max_new_tokens is refused
  /// (kBadData, FILE:LINE), or loses its beginning where data.too_long is truncate.
  void take_prompts(const std::vector<JsonRow>& rows);
  /// Answers to the prompts it took. Collective.
  AnswerSet answer(int64_t copies, double temperature) const;

  const std::vector<data::Prompt>& prompts() const { return prompts_; }
  const AnswerText& text() const { return text_; }
  const OpenedModel& model() const { return model_; }
  const data::Tokenizer* codec() const { return text_.codec(); }
  const std::vector<int64_t>& end_ids() const { return end_ids_; }
  int64_t context() const { return model_.model.info.config.context; }

 private:
  std::string prompt_key(const JsonRow& row) const;
  data::PromptCodec prompt_codec(const JsonRow& row) const;

  const RunConfig& config_;
  const OpenedModel& model_;
  std::optional<data::ChatTemplate> chat_;
  std::vector<int64_t> end_ids_;
  AnswerText text_;
  std::vector<data::Prompt> prompts_;
};

}  // namespace strata::trainer
