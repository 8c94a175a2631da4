// Rewards from a frozen reward model on the same layout of ranks: its output at the last token of
// prompt and answer, plus the shift that its folder records. A model with another tokenizer reads
// the text anew.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/decoder.h"
#include "trainer/engine/engine.h"
#include "trainer/models/held_model.h"
#include "trainer/models/source.h"
#include "trainer/plan/fit.h"
#include "trainer/rewards/reward.h"
#include "trainer/rl/answer_batches.h"
#include "trainer/rl/recompute.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

class ModelReward : public Reward {
 public:
  ModelReward(const ModelSource& source, const std::string& place, const RewardContext& context)
      : text_(context.text),
        model_(make_frozen_model(context.session.context(), context.session.config(), source.info)),
        engine_(*model_.decoder, nullptr, {}),
        deal_(deal_options(context.session.config(), context.session.context())) {
    load_source(source, *model_.decoder);
    const model::ModelConfig& config = model_.info.config;
    if (text_.codec() != nullptr && !source.tokenizer.empty()) {
      data::Tokenizer own = data::Tokenizer::load(source.tokenizer);
      if (own.hash() != text_.codec()->hash())
        codec_ = std::make_unique<data::Tokenizer>(std::move(own));
    }
    if (codec_) return;
    if (config.vocabulary() < context.vocab_size) {
      refuse(source, place,
             fmt::format("has a vocabulary of {}, the policy one of {}, and no tokenizer says how "
                         "they correspond",
                         config.vocabulary(), context.vocab_size));
    }
    if (config.context < context.longest) {
      refuse(source, place,
             fmt::format("reads {} tokens, and prompt and answer have up to {}", config.context,
                         context.longest));
    }
  }

  std::vector<double> score(const Rollout& rollout) override {
    std::vector<std::vector<int32_t>> sequences;
    std::vector<bool> readable;
    for (const Answer& answer : rollout.answers()) {
      sequences.push_back(codec_ ? read_anew(answer) : as_sampled(answer));
      const auto length = static_cast<int64_t>(sequences.back().size());
      readable.push_back(length > 0 && length <= model_.info.config.context);
      if (!readable.back()) sequences.back().assign(1, 0);
    }
    std::vector<double> scores =
        sequence_scores(engine_, sequences.size(), sequences, whole_batches(sequences, deal_));
    for (size_t i = 0; i < scores.size(); ++i)
      scores[i] = readable[i] ? scores[i] + model_.info.reward_shift : std::nan("");
    return scores;
  }

 private:
  [[noreturn]] static void refuse(const ModelSource& source, const std::string& place,
                                  const std::string& why) {
    throw base::UserError(base::kBadUsage,
                          fmt::format("{}.model: {} {}", place, source.folder.string(), why));
  }

  static std::vector<int32_t> as_sampled(const Answer& answer) {
    std::vector<int32_t> ids = answer.prompt->ids;
    ids.insert(ids.end(), answer.ids.begin(), answer.ids.end());
    return ids;
  }

  std::vector<int32_t> read_anew(const Answer& answer) const {
    std::vector<int32_t> ids = codec_->encode(text_.prompt(answer), /*add_special=*/true);
    const std::vector<int32_t> said = codec_->encode(text_.completion(answer));
    ids.insert(ids.end(), said.begin(), said.end());
    if (answer.reached_end && codec_->end_id()) ids.push_back(*codec_->end_id());
    return ids;
  }

  const AnswerText& text_;
  HeldModel model_;
  Engine engine_;
  DealOptions deal_;
  std::unique_ptr<data::Tokenizer> codec_;  ///< where it is another one than the policy's
};

}  // namespace

std::unique_ptr<Reward> open_model_reward(const RewardSource& source, const std::string& place,
                                          const RewardContext& context) {
  Session& session = context.session;
  const ModelSource found = find_model(source.model, session.context(),
                                       [&](std::string_view line) { session.log().warning(line); });
  if (found.info.head != model::HeadKind::kScalar) {
    throw base::UserError(base::kBadUsage,
                          fmt::format("{}.model: {} is a language model; a reward model is needed",
                                      place, source.model));
  }
  check_model_fits(session.config(), found.info.config, session.context().layout(),
                   fmt::format("{}.model {}", place, source.model));
  return std::make_unique<ModelReward>(found, place, context);
}

}  // namespace strata::trainer
