#include "trainer/config/post_training.h"

#include <fmt/format.h>

namespace strata::trainer {

using base::above;
using base::at_least;
using base::between;
using base::one_of;

void LoraSection::fields(base::Fields& f) {
  f("rank", rank, "Rank of the adapters; 0 = all weights are trained.", at_least(0));
  f("alpha", alpha, "The adapter's share is scaled by alpha / rank.", above(0));
  f("targets", targets, "Linear layers that get an adapter.",
    one_of({"q", "k", "v", "o", "gate", "up", "down"}));
}

void SftSection::fields(base::Fields& f) {
  f("train_on", train_on, "completion: answers and assistant turns alone; all: every token.",
    one_of({"completion", "all"}));
  f("packing", packing, "Several rows in one sequence, none of which sees another.");
  f("template", chat_template,
    "How conversations are written; auto: the tokenizer's own template, else plain.",
    one_of({"auto", "chatml", "llama2", "llama3", "mistral", "plain"}));
  f("neftune", neftune, "Strength of the noise on embeddings (NEFTune's alpha); 0 = none.",
    at_least(0));
}

void RewardSection::fields(base::Fields& f) {
  f("loss", loss,
    "bradley_terry: pairs, and all pairs of a ranking; plackett_luce: whole rankings; regression: "
    "ratings.",
    one_of({"bradley_terry", "plackett_luce", "regression"}));
  f("center", center,
    "bradley_terry: weight of the mean squared sum of a pair's rewards, which keeps them near 0.",
    at_least(0));
  f("normalize", normalize,
    "After training, over the training answers: mean_std gives mean 0 and deviation 1, mean only "
    "mean 0.",
    one_of({"none", "mean", "mean_std"}));
}

void PpoSection::fields(base::Fields& f) {
  f("kl_coef", kl_coef, "Price of a nat of divergence from the reference, in the reward.",
    at_least(0));
  f("kl_target", kl_target, "Nats per answer that kl_coef is adapted to; 0 = kl_coef stays.",
    at_least(0));
  f("kl_horizon", kl_horizon, "Answers over which kl_coef adapts.", above(0));
  f("kl_estimator", kl_estimator, "Estimator of the divergence in the reward.");
  f("gamma", gamma, "Discount per token.", between(0, 1));
  f("lambda", lambda, "Of generalised advantage estimation.", between(0, 1));
  f("clip", clip, "The policy's ratio counts within 1 - clip and 1 + clip.", above(0));
  f("value_clip", value_clip,
    "A value counts within this of the rollout's value; 0 = wherever it is.", at_least(0));
  f("value_coef", value_coef, "Weight of the value loss.", at_least(0));
  f("critic_lr", critic_lr, "Peak learning rate of the critic; 0 = optimizer.lr.", at_least(0));
  f("epochs", epochs, "Passes over each rollout.", at_least(1));
  f("minibatches", minibatches, "Optimizer steps in each pass.", at_least(1));
  f("rollouts", rollouts, "Answers per step, over all ranks.", base::between(1, 1e7));
  f("missing_eos_penalty", missing_eos_penalty,
    "Taken from the score of an answer that did not end.", at_least(0));
  f("max_approxkl", max_approxkl,
    "A rollout's passes end when the mean divergence from the rollout's policy exceeds this; 0 = "
    "off.",
    at_least(0));
  f("critic_warmup", critic_warmup, "Steps in which only the critic is trained.", at_least(0));
  f("ptx_coef", ptx_coef,
    "Weight of the language-model loss on ppo.ptx_data, beside the policy's; 0 = off.",
    at_least(0));
  f("ptx_data", ptx_data,
    "Files of text, conversations, answers or ids: a row for each answer of an update.");
  f("reward_clip", reward_clip, "Scores are clipped to within this of 0; 0 = off.", at_least(0));
  f("whiten", whiten, "Advantages get mean 0 and deviation 1 over all ranks.");
}

void DpoSection::fields(base::Fields& f) {
  f("beta", beta, "Strength of the tie to the reference.", above(0));
  f("loss", loss, "sigmoid, ipo, robust, kto (rows with a label) or orpo (no reference).",
    one_of({"sigmoid", "ipo", "robust", "kto", "orpo"}));
  f("label_smoothing", label_smoothing, "Share of labels taken to be flipped (sigmoid, robust).",
    between(0, 0.5));
  f("nll_coef", nll_coef,
    "Weight of the chosen (kto: good) answer's negative log-likelihood per token.", at_least(0));
  f("desirable_weight", desirable_weight, "kto: weight of good answers.", at_least(0));
  f("undesirable_weight", undesirable_weight, "kto: weight of bad answers.", at_least(0));
}

void GrpoSection::fields(base::Fields& f) {
  f("group", group, "Answers per prompt.", at_least(2));
  f("prompts", prompts, "Prompts per step, over all ranks.", base::between(1, 1e7));
  f("beta", beta, "Weight of the divergence from the reference, in the loss; 0 = no reference.",
    at_least(0));
  f("epochs", epochs, "Passes over each rollout.", at_least(1));
  f("estimator", estimator,
    "grpo: centred and scaled by the group's deviation; rloo: against the others' mean; dr_grpo: "
    "centred alone, and answers weighted by their length over max_new_tokens.",
    one_of({"grpo", "rloo", "dr_grpo"}));
  f("weighting", weighting,
    "token: every token counts the same; sequence: every answer does. Not for dr_grpo.",
    one_of({"token", "sequence"}));
  f("clip", clip, "The policy's ratio counts within 1 - clip and 1 + clip.", above(0));
}

void RewardSource::fields(base::Fields& f) {
  f("model", model, "A reward model: run, checkpoint or folder.");
  f("function", function, "Compares the answer with a column of the prompt's row.",
    one_of({"", "exact_match", "contains", "regex", "number", "length"}));
  f("field", field, "That column.");
  f("command", command, "A program: one JSON line in, one line {\"reward\": number} out.");
  f("http", http, "A URL that takes a JSON array of the same objects.");
  f("name", name, "What it is called in the metrics; left out: after what it is.");
  f("weight", weight, "Its share in the sum of rewards.");
  f("timeout", timeout, "Seconds that an answer may take.", above(0));
}

void check_reward(const RewardSection& reward, base::Problems& problems) {
  const bool was_asked_for = reward.center > 0 && reward.center != RewardSection{}.center;
  if (was_asked_for && reward.loss != "bradley_terry")
    problems.add("reward.center",
                 fmt::format("is of bradley_terry: {} has no such term", reward.loss));
}

void check_dpo(const DpoSection& dpo, base::Problems& problems) {
  if (dpo.label_smoothing > 0 && dpo.loss != "sigmoid" && dpo.loss != "robust") {
    problems.add("dpo.label_smoothing",
                 fmt::format("is of sigmoid and robust: {} has no such term", dpo.loss));
  }
  if (dpo.label_smoothing == 0.5 && dpo.loss == "robust")
    problems.add("dpo.label_smoothing", "is 0.5, at which labels say nothing; robust needs less");
}

void check_rewards(std::string_view key, const std::vector<RewardSource>& sources,
                   base::Problems& problems) {
  for (size_t i = 0; i < sources.size(); ++i) {
    const RewardSource& source = sources[i];
    const int kinds = !source.model.empty() + !source.function.empty() + !source.command.empty() +
                      !source.http.empty();
    const std::string place = fmt::format("{}[{}]", key, i);
    if (kinds != 1)
      problems.add(place, "exactly one of model, function, command and http must be given");
    const bool compares = !source.function.empty() && source.function != "length";
    if (compares && source.field.empty()) {
      problems.add(place, fmt::format("function {} compares with a column: give its name as field",
                                      source.function));
    }
  }
}

void check_ppo(const PpoSection& ppo, base::Problems& problems) {
  if (ppo.kl_estimator == "k2" || ppo.kl_estimator == "k3") {
    problems.add("ppo.kl_estimator",
                 fmt::format("{} in the reward does not lead to the divergence's gradient: it also "
                             "punishes tokens that became rare, and the policy collapses; only k1 "
                             "does",
                             ppo.kl_estimator));
  } else if (ppo.kl_estimator != "k1") {
    problems.add("ppo.kl_estimator",
                 fmt::format("'{}' is not known; k1 is the only one", ppo.kl_estimator));
  }
  if (ppo.rollouts % ppo.minibatches != 0) {
    problems.add("ppo.minibatches", fmt::format("ppo.rollouts {} does not divide into {} parts",
                                                ppo.rollouts, ppo.minibatches));
  }
}

}  // namespace strata::trainer
