// strata grpo: several answers to each prompt, judged against one another; no critic. One step is
// one rollout and its passes, one update each.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "trainer/jobs/jobs.h"
#include "trainer/jobs/online.h"
#include "trainer/loop/run_loop.h"
#include "trainer/objectives/policy_gradient.h"
#include "trainer/rl/advantages.h"
#include "trainer/rl/recompute.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

class Grpo : public OnlineJob {
 public:
  Grpo(Session& session, OnlineInput input)
      : OnlineJob(session, std::move(input)),
        grpo_(config_.grpo),
        estimator_(group_estimator(grpo_.estimator)) {
    if (grpo_.beta > 0) {
      reference_ = make_reference();
      if (reference_) reference_engine_.emplace(*reference_->decoder, nullptr, EngineOptions{});
    }
  }

  bool step(int64_t k, double learning_rate, MetricLog& metrics) override {
    // 1. Answers and what they are worth.
    const Rollout rollout = sample(k, grpo_.prompts, grpo_.group);
    const Scores scores = score(k, rollout, metrics);
    metrics.set("objective/scores", mean_of_present(scores.total));
    keep_samples(k, rollout, scores);
    const TokenNumbers advantages = judge(rollout, scores, metrics);

    // 2. What the passes need to know of other policies.
    const Weights weights = weigh(rollout, scores);
    std::vector<int64_t> answers(static_cast<size_t>(rollout.size()));
    std::iota(answers.begin(), answers.end(), 0);
    const auto plain = answer_batches(rollout, answers, weights.loss, {}, deal_);
    const double temperature = config_.generation.temperature;
    TokenColumns columns{{"advantage", &advantages},
                         {"sampled_logprob", &rollout.sampled_logprobs}};
    if (!weights.normal.empty()) columns["normal"] = &weights.normal;
    PolicyNumbers old, reference;
    if (grpo_.epochs > 1) {
      old = policy_numbers(engine_, rollout, plain, temperature, true, false);
      columns["old_logprob"] = &old.logprobs;
    }
    if (grpo_.beta > 0) {
      reference = policy_numbers(reference_engine_ ? *reference_engine_ : engine_, rollout, plain,
                                 temperature, false, false);
      columns["reference_logprob"] = &reference.logprobs;
    }

    // 3. Passes over the rollout, an update each.
    const auto batches = answer_batches(rollout, answers, weights.loss, columns, deal_);
    PassMetrics passes;
    double mismatch = 1;
    const bool is_rewarded = std::ranges::any_of(weights.loss, [](double w) { return w > 0; });
    for (int64_t epoch = 0; is_rewarded && epoch < grpo_.epochs; ++epoch) {
      const PolicyGradient objective({.temperature = temperature,
                                      .clip = grpo_.clip,
                                      .beta = grpo_.beta,
                                      .on_policy = epoch == 0});
      MetricLog pass;
      const bool sound = engine_.step(k, batches, objective, learning_rate, pass);
      const MetricLog::Values values = passes.add("", pass, session_.world());
      if (!sound) {
        passes.show(metrics);
        return false;
      }
      if (epoch > 0) continue;
      mismatch = value_of(values, "rollout/logprob_ratio", 1);
      if (grpo_.beta > 0) {
        metrics.set("objective/kl", value_of(values, "policy/kl_avg", 0) *
                                        static_cast<double>(rollout.tokens()) /
                                        static_cast<double>(rollout.size()));
      }
    }
    passes.show(metrics);
    watch_sampling(k, mismatch, metrics);
    return true;
  }

  Work last_work() const override {
    const double forwards = (grpo_.epochs > 1 ? 1 : 0) + (grpo_.beta > 0 ? 1 : 0);
    return rollout_work(forwards, static_cast<double>(grpo_.epochs));
  }

 private:
  /// One advantage per answer, at each of its tokens.
  TokenNumbers judge(const Rollout& rollout, const Scores& scores, MetricLog& metrics) const {
    TokenNumbers advantages(static_cast<size_t>(rollout.tokens()));
    double equal = 0, deviation = 0;
    for (int64_t prompt = 0; prompt < grpo_.prompts; ++prompt) {
      const int64_t first = prompt * grpo_.group;
      const auto rewards =
          std::span(scores.total)
              .subspan(static_cast<size_t>(first), static_cast<size_t>(grpo_.group));
      equal += has_equal_rewards(rewards) ? 1 : 0;
      deviation += group_deviation(rewards);
      const std::vector<double> group = group_advantages(rewards, estimator_);
      for (int64_t i = 0; i < grpo_.group; ++i)
        std::ranges::fill(rollout.of(advantages, first + i), group[static_cast<size_t>(i)]);
    }
    const auto prompts = static_cast<double>(grpo_.prompts);
    metrics.set("frac_reward_zero_std", equal / prompts);
    metrics.set("reward_std", deviation / prompts);
    return advantages;
  }

  struct Weights {
    TokenNumbers loss, normal;  ///< normal empty: the same
  };
  /// token: every token counts the same over the whole step; sequence: every answer does; dr_grpo:
  /// the sum over an answer's tokens, divided by the longest that it could have been.
  Weights weigh(const Rollout& rollout, const Scores& scores) const {
    Weights weights;
    weights.loss.assign(static_cast<size_t>(rollout.tokens()), 0.0);
    const bool constant = estimator_ == GroupEstimator::kDrGrpo;
    if (constant) weights.normal = weights.loss;
    for (int64_t i = 0; i < rollout.size(); ++i) {
      if (std::isnan(scores.total[static_cast<size_t>(i)])) continue;
      const double share = 1 / static_cast<double>(rollout.length(i));
      double weight = grpo_.weighting == "sequence" ? share : 1;
      if (constant) {
        weight = 1 / static_cast<double>(config_.generation.max_new_tokens);
        std::ranges::fill(rollout.of(weights.normal, i), share);
      }
      std::ranges::fill(rollout.of(weights.loss, i), weight);
    }
    return weights;
  }

  GrpoSection grpo_;
  GroupEstimator estimator_;
  std::unique_ptr<HeldModel> reference_;
  std::optional<Engine> reference_engine_;
};

}  // namespace

void run_grpo(Session& session) {
  if (session.config().grpo.estimator == "dr_grpo" && session.config().grpo.weighting == "sequence")
    throw base::UserError(
        base::kBadUsage,
        "grpo.weighting: dr_grpo weighs answers in its own way; leave it at token");
  OnlineInput input(session);
  const int64_t steps = online_steps(session.config(), input.train, session.config().grpo.prompts);
  Grpo job(session, std::move(input));
  run_loop(session, job, steps);
}

}  // namespace strata::trainer
