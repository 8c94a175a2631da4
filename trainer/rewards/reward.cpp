#include "trainer/rewards/reward.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "parallel/comm/collectives.h"
#include "trainer/checkpoint/agreement.h"
#include "trainer/session/session.h"
#include "trainer/use/rows.h"

namespace strata::trainer {

std::span<const int32_t> AnswerText::ids(const Answer& answer) const {
  std::span<const int32_t> ids = answer.ids;
  if (answer.reached_end && !ids.empty() &&
      std::ranges::find(end_ids_, ids.back()) != end_ids_.end())
    ids = ids.first(ids.size() - 1);
  return ids;
}

std::string AnswerText::completion(const Answer& answer) const {
  return codec_ == nullptr ? std::string() : codec_->decode(ids(answer));
}

std::string AnswerText::prompt(const Answer& answer) const {
  return codec_ == nullptr ? std::string() : codec_->decode(answer.prompt->ids);
}

bool speaks_for_copy(Session& session) {
  const parallel::Coord coord = session.context().coord();
  return coord.tensor == 0 && coord.pipeline == 0;
}

std::vector<double> HostReward::score(const Rollout& rollout) {
  std::vector<double> scores(static_cast<size_t>(rollout.size()), 0.0);
  std::string complaint;
  if (speaks_for_copy(session_)) {
    const std::vector<size_t> own = own_rows(scores.size(), session_.context());
    std::vector<const Answer*> answers;
    for (const size_t number : own) answers.push_back(&rollout[static_cast<int64_t>(number)]);
    complaint = error_of([&] {
      const std::vector<double> made = score_own(answers);
      for (size_t i = 0; i < own.size(); ++i) scores[own[i]] = made[i];
    });
  }
  fail_together(session_.world(), base::kBadData, complaint);
  if (session_.world().size() > 1) parallel::all_reduce_numbers(session_.world(), scores);
  return scores;
}

base::Json question_of(const Answer& answer, const AnswerText& text) {
  base::Json question = base::parse_json(answer.prompt->row, "a prompt's row");
  question.erase("input_ids");
  if (!question.contains("prompt")) question["prompt"] = text.prompt(answer);
  question["completion"] = text.completion(answer);
  question["ids"] = answer.ids;
  return question;
}

base::Json parse_reply(std::string text, const std::string& source) {
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && in_string) {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      for (const std::string_view word : {"-Infinity", "Infinity", "NaN"})
        if (std::string_view(text).substr(i).starts_with(word))
          text.replace(i, word.size(), "null");
    }
  }
  return base::parse_json(text, source);
}

double reward_in(const base::Json& reply) {
  const base::Json* value = &reply;
  if (reply.is_object()) {
    const auto found = reply.find("reward");
    if (found == reply.end()) return std::nan("");
    value = &*found;
  }
  if (!value->is_number()) return std::nan("");
  const double number = value->get<double>();
  return std::isfinite(number) ? number : std::nan("");
}

std::unique_ptr<Reward> open_reward(const RewardSource& source, const std::string& place,
                                    const RewardContext& context) {
  if (!source.model.empty()) return open_model_reward(source, place, context);
  if (!source.function.empty()) return open_function_reward(source, place, context);
  if (!source.command.empty()) return open_command_reward(source, place, context);
  return open_http_reward(source, place, context);
}

}  // namespace strata::trainer
