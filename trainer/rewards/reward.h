// Where an answer's reward comes from: one file beside this one for each kind. A reward gives every
// answer of a rollout a number, or NaN where it has none to give: a failure costs that answer,
// never the batch. Knows neither weights nor what is done with the numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/tokenizer/tokenizer.h"
#include "trainer/config/post_training.h"
#include "trainer/rl/rollout.h"

namespace strata::trainer {

class Session;

/// What rewards are told of an answer, as text.
class AnswerText {
 public:
  /// `codec` null: answers have no text.
  AnswerText(const data::Tokenizer* codec, std::vector<int64_t> end_ids)
      : codec_(codec), end_ids_(std::move(end_ids)) {}

  /// The answer's ids without the end token.
  std::span<const int32_t> ids(const Answer& answer) const;
  /// Their text; empty without a tokenizer.
  std::string completion(const Answer& answer) const;
  std::string prompt(const Answer& answer) const;
  const data::Tokenizer* codec() const { return codec_; }
  bool has_end() const { return !end_ids_.empty(); }

 private:
  const data::Tokenizer* codec_;
  std::vector<int64_t> end_ids_;
};

class Reward {
 public:
  virtual ~Reward() = default;

  /// Refuses a prompt's row that it could not reward, before any training: UserError (kBadData).
  virtual void check_row(const base::JsonReader&) const {}
  /// One number for every answer, the same on every rank; NaN: none. Collective.
  virtual std::vector<double> score(const Rollout& rollout) = 0;
};

/// A reward of which every copy of the model makes its share on one rank.
class HostReward : public Reward {
 public:
  HostReward(Session& session, const AnswerText& text) : session_(session), text_(text) {}
  std::vector<double> score(const Rollout& rollout) final;

 protected:
  /// Rewards of some answers, in their order; NaN: none. Called on one rank of each copy of the
  /// model. What it throws ends the job on all ranks.
  virtual std::vector<double> score_own(std::span<const Answer* const> answers) = 0;
  const AnswerText& text() const { return text_; }

 private:
  Session& session_;
  const AnswerText& text_;
};

/// Whether this rank speaks for its copy of the model: where commands and requests are made.
bool speaks_for_copy(Session& session);

/// The JSON object that commands and services get: the row's columns, `prompt` (as the row has it,
/// else decoded), `completion`, `ids`.
base::Json question_of(const Answer& answer, const AnswerText& text);
/// What a command or a service said: JSON, in which NaN and Infinity, as Python writes them, become
/// null. UserError (kBadData) where it is anything else.
base::Json parse_reply(std::string text, const std::string& source);
/// The number in {"reward": x} or x itself; NaN for null and for what is no number.
double reward_in(const base::Json& reply);

struct RewardContext {
  Session& session;
  const AnswerText& text;
  int64_t vocab_size;
  int64_t longest;  ///< tokens of prompt and answer together
};
/// `place` ("rewards[0]") starts its messages. UserError (kBadUsage) where it cannot be had.
/// Collective.
std::unique_ptr<Reward> open_reward(const RewardSource& source, const std::string& place,
                                    const RewardContext& context);

// The kinds, one file each; open_reward() chooses.
std::unique_ptr<Reward> open_function_reward(const RewardSource& source, const std::string& place,
                                             const RewardContext& context);
std::unique_ptr<Reward> open_model_reward(const RewardSource& source, const std::string& place,
                                          const RewardContext& context);
std::unique_ptr<Reward> open_command_reward(const RewardSource& source, const std::string& place,
                                            const RewardContext& context);
std::unique_ptr<Reward> open_http_reward(const RewardSource& source, const std::string& place,
                                         const RewardContext& context);

}  // namespace strata::trainer
