#include "trainer/rl/critic.h"

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <optional>

#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

/// The reward model that the critic starts from, if it can.
std::optional<ModelSource> first_reward_model(Session& session, const ModelStart& policy) {
  const std::vector<RewardSource>& rewards = session.config().rewards;
  if (rewards.empty() || rewards.front().model.empty()) return {};
  ModelSource source = find_model(rewards.front().model, session.context(),
                                  [&](std::string_view line) { session.log().warning(line); });
  const bool same_tokens = policy.codec == nullptr || source.tokenizer.empty() ||
                           data::Tokenizer::load(source.tokenizer).hash() == policy.codec->hash();
  if (!same_tokens) return {};
  return source;
}

void zero_head(const HeldModel& model) {
  const parallel::ParamId head = model.params->find("head.weight");
  if (!head.valid()) return;  // on another stage
  model.params->set_whole(head, at::zeros((*model.params)[head].spec.shard.global_shape));
}

}  // namespace

HeldModel make_critic(Session& session, const ModelStart& policy) {
  const std::optional<ModelSource> reward = first_reward_model(session, policy);
  RunConfig config = session.config();
  config.lora.rank = 0;
  model::FolderInfo info = reward ? reward->info : policy.info;
  info.head = model::HeadKind::kScalar;
  info.config.dropout = 0;
  HeldModel critic = make_trained_model(session.context(), config, info);
  if (reward) {
    load_source(*reward, *critic.decoder);
    session.log().info(fmt::format("critic: from {}", reward->folder.string()));
  } else {
    load_start(policy, *critic.decoder);
    zero_head(critic);
    session.log().info("critic: from the policy, with a head of zeros");
  }
  return critic;
}

}  // namespace strata::trainer
