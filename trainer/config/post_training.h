// The config sections of post-training: adapters, supervised fine-tuning, reward models, PPO, DPO,
// GRPO and where rewards come from. Field lists and rules are in post_training.cpp; each struct's
// defaults stand here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

namespace strata::trainer {

struct LoraSection {
  int64_t rank = 0;  ///< 0 = off
  double alpha = 16;
  std::vector<std::string> targets{"q", "k", "v", "o"};
  void fields(base::Fields& f);
};

struct SftSection {
  std::string train_on = "completion";
  bool packing = true;
  std::string chat_template = "auto";  ///< the key is `template`
  double neftune = 0;
  void fields(base::Fields& f);
};

struct RewardSection {
  std::string loss = "bradley_terry";
  double center = 0.01;
  std::string normalize = "none";
  void fields(base::Fields& f);
};

struct PpoSection {
  double kl_coef = 0.05, kl_target = 0, kl_horizon = 10000;
  std::string kl_estimator = "k1";
  double gamma = 1.0, lambda = 0.95;
  double clip = 0.2, value_clip = 0.2, value_coef = 0.1;
  double critic_lr = 0;  ///< 0 = optimizer.lr
  int64_t epochs = 4, minibatches = 4, rollouts = 64;
  double missing_eos_penalty = 1.0;
  double max_approxkl = 0;  ///< 0 = off
  int64_t critic_warmup = 0;
  double ptx_coef = 0;
  std::vector<std::string> ptx_data;  ///< text that is mixed into the policy's updates
  double reward_clip = 0;             ///< 0 = off
  bool whiten = true;
  void fields(base::Fields& f);
};

struct DpoSection {
  double beta = 0.1;
  std::string loss = "sigmoid";
  double label_smoothing = 0, nll_coef = 0;
  double desirable_weight = 1, undesirable_weight = 1;  ///< of the KTO loss
  void fields(base::Fields& f);
};

struct GrpoSection {
  int64_t group = 8, prompts = 8;
  double beta = 0;
  int64_t epochs = 1;
  std::string estimator = "grpo", weighting = "token";
  double clip = 0.2;
  void fields(base::Fields& f);
};

/// Where a reward comes from: exactly one of model, function, command and http is given.
struct RewardSource {
  std::string model, function, field, command, http;
  std::string name;  ///< "" = after what it is
  double weight = 1.0, timeout = 60;
  void fields(base::Fields& f);
};

/// Rules for a list of rewards under `key` ("rewards", "watch").
void check_rewards(std::string_view key, const std::vector<RewardSource>& sources,
                   base::Problems& problems);
void check_reward(const RewardSection& reward, base::Problems& problems);
void check_dpo(const DpoSection& dpo, base::Problems& problems);
void check_ppo(const PpoSection& ppo, base::Problems& problems);

}  // namespace strata::trainer
