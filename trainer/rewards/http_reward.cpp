// Rewards from a service: the answers of a copy of the model as one JSON array, an array of
// {"reward": number} (or numbers) back.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "trainer/rewards/http_client.h"
#include "trainer/rewards/reward.h"

namespace strata::trainer {
namespace {

class HttpReward : public HostReward {
 public:
  HttpReward(const RewardSource& source, const std::string& place, const RewardContext& context)
      : HostReward(context.session, context.text),
        url_(source.http),
        place_(place),
        timeout_(source.timeout) {
    check_url(url_, place);
  }

 protected:
  std::vector<double> score_own(std::span<const Answer* const> answers) override {
    std::vector<double> scores(answers.size(), std::nan(""));
    if (answers.empty()) return scores;
    base::Json questions = base::Json::array();
    for (const Answer* answer : answers) questions.push_back(question_of(*answer, text()));
    const auto body = http_post(url_, base::compact_json(questions), timeout_);
    if (!body) return scores;
    const base::Json replies = parse_reply(*body, place_ + ": what the service answered");
    if (!replies.is_array() || replies.size() != answers.size()) {
      throw base::UserError(
          base::kBadData,
          fmt::format("{}: {} answers were sent to {}; an array of as many rewards was "
                      "expected, and what came is {}",
                      place_, answers.size(), url_,
                      replies.is_array() ? fmt::format("one of {}", replies.size())
                                         : std::string(replies.type_name())));
    }
    for (size_t i = 0; i < scores.size(); ++i) scores[i] = reward_in(replies[i]);
    return scores;
  }

 private:
  std::string url_;
  std::string place_;
  double timeout_;
};

}  // namespace

std::unique_ptr<Reward> open_http_reward(const RewardSource& source, const std::string& place,
                                         const RewardContext& context) {
  return std::make_unique<HttpReward>(source, place, context);
}

}  // namespace strata::trainer
