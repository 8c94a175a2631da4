// Rewards from a program of the user's: a JSON object a line in, {"reward": number} a line out. One
// process for each copy of the model, started once and kept open.
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "trainer/rewards/child_process.h"
#include "trainer/rewards/reward.h"

namespace strata::trainer {
namespace {

class CommandReward : public HostReward {
 public:
  CommandReward(const RewardSource& source, const std::string& place, const RewardContext& context)
      : HostReward(context.session, context.text),
        place_(place),
        command_(source.command),
        timeout_(source.timeout) {}

 protected:
  std::vector<double> score_own(std::span<const Answer* const> answers) override {
    if (!process_) process_ = std::make_unique<ChildProcess>(command_);
    std::vector<double> scores;
    for (const Answer* answer : answers) {
      const auto reply = process_->ask(base::compact_json(question_of(*answer, text())), timeout_);
      scores.push_back(reply
                           ? reward_in(parse_reply(*reply, place_ + ": what the command answered"))
                           : std::nan(""));
    }
    return scores;
  }

 private:
  std::string place_, command_;
  double timeout_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace

std::unique_ptr<Reward> open_command_reward(const RewardSource& source, const std::string& place,
                                            const RewardContext& context) {
  return std::make_unique<CommandReward>(source, place, context);
}

}  // namespace strata::trainer
