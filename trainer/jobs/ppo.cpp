// strata ppo: the policy learns from scores of its own answers, held near a frozen reference, with
// a critic that says what was to be expected. One step is one rollout and its passes.
#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "base/json.h"
#include "trainer/jobs/jobs.h"
#include "trainer/jobs/online.h"
#include "trainer/loop/run_loop.h"
#include "trainer/objectives/policy_gradient.h"
#include "trainer/objectives/value_regression.h"
#include "trainer/rl/advantages.h"
#include "trainer/rl/critic.h"
#include "trainer/rl/ptx.h"
#include "trainer/rl/recompute.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

/// All numbers of one rollout that its passes train on.
struct Experience {
  TokenNumbers weights;  ///< 1; 0 for answers without a reward
  TokenNumbers old_logprobs, old_values, advantages, returns;
};

class Ppo : public OnlineJob {
 public:
  Ppo(Session& session, OnlineInput input, std::optional<PtxStream> ptx)
      : OnlineJob(session, std::move(input)),
        ppo_(config_.ppo),
        coefficient_(ppo_.kl_coef),
        ptx_(std::move(ptx)),
        reference_(make_reference()),
        critic_(make_critic(session, input_.start)),
        critic_engine_(*critic_.decoder, critic_.optimizer.get(), engine_options(config_)) {
    if (reference_) reference_engine_.emplace(*reference_->decoder, nullptr, EngineOptions{});
  }

  bool step(int64_t k, double learning_rate, MetricLog& metrics) override {
    // 1. Answers and their scores.
    const Rollout rollout = sample(k, ppo_.rollouts, 1);
    Scores scores = score(k, rollout, metrics);
    adjust(rollout, scores.total);
    keep_samples(k, rollout, scores);

    // 2. What policy, reference and critic say of every token, and what follows from that.
    const Experience experience = look_back(k, rollout, scores.total, metrics);

    // 3. Passes over the rollout.
    return train(k, learning_rate, rollout, experience, metrics);
  }

  std::vector<CheckpointModel> models() override {
    std::vector<CheckpointModel> models = OnlineJob::models();
    models.push_back({"critic/", critic_.params.get(), critic_.optimizer.get()});
    return models;
  }
  std::string state() const override {
    return base::compact_json(base::Json{{"kl_coef", coefficient_}});
  }
  void restore(std::string_view state, int64_t) override {
    const base::Json saved = base::parse_json(state, "the run's state", base::kBadCheckpoint);
    const double at_save =
        base::JsonReader(saved, "the run's state", base::kBadCheckpoint).number("kl_coef");
    if (ppo_.kl_target > 0) coefficient_ = at_save;
  }
  Work last_work() const override { return rollout_work(3, 2 * static_cast<double>(ppo_.epochs)); }

 private:
  /// Scores as they are trained on: clipped, and lower for answers that did not end.
  void adjust(const Rollout& rollout, std::vector<double>& scores) const {
    for (int64_t i = 0; i < rollout.size(); ++i) {
      double& score = scores[static_cast<size_t>(i)];
      if (ppo_.reward_clip > 0) score = std::clamp(score, -ppo_.reward_clip, ppo_.reward_clip);
      if (text_.has_end() && !rollout[i].reached_end) score -= ppo_.missing_eos_penalty;
    }
  }

  /// Sums over the answers that have a score.
  struct Totals {
    double answers = 0, score = 0, kl = 0, surprise = 0;
    /// By the names and definitions of TRL.
    void show(double coefficient, MetricLog& metrics) const {
      metrics.set("kl_coef", coefficient);
      if (answers == 0) return;
      metrics.set("objective/kl", kl / answers);
      metrics.set("objective/entropy", surprise / answers);
      metrics.set("objective/scores", score / answers);
      metrics.set("objective/non_score_reward", -coefficient * kl / answers);
      metrics.set("objective/rlhf_reward", (score - coefficient * kl) / answers);
    }
  };

  Experience look_back(int64_t k, const Rollout& rollout, const std::vector<double>& scores,
                       MetricLog& metrics) {
    // 1. Forward passes over the micro-batches of the first pass of training.
    Experience experience;
    experience.weights = present(rollout, scores);
    std::vector<data::Batch> batches;
    for (const auto& part : minibatches(k, 0, rollout)) {
      for (data::Batch& batch : answer_batches(rollout, part, experience.weights, {}, deal_))
        batches.push_back(std::move(batch));
    }
    const double temperature = config_.generation.temperature;
    PolicyNumbers policy = policy_numbers(engine_, rollout, batches, temperature, true, true);
    const PolicyNumbers reference = policy_numbers(reference_engine_ ? *reference_engine_ : engine_,
                                                   rollout, batches, temperature, false, false);
    experience.old_values = token_values(critic_engine_, rollout, batches);

    // 2. Rewards, advantages and returns, answer by answer.
    experience.advantages.assign(experience.weights.size(), 0.0);
    experience.returns = experience.advantages;
    Totals totals;
    for (int64_t i = 0; i < rollout.size(); ++i) {
      const double score = scores[static_cast<size_t>(i)];
      if (std::isnan(score)) continue;
      value_answer(rollout, i, score, policy.logprobs, reference.logprobs, experience, totals);
    }
    if (ppo_.whiten) whiten(experience.advantages, experience.weights);

    // 3. The log, and the coefficient of the next rollout.
    watch_sampling(k, sampling_mismatch(rollout.sampled_logprobs, policy.logprobs), metrics);
    metrics.set("policy/entropy_avg", mean_of_present(policy.entropies));
    totals.show(coefficient_, metrics);
    if (ppo_.kl_target > 0 && totals.answers > 0) {
      coefficient_ = adapted_coefficient(coefficient_, totals.kl / totals.answers, ppo_.kl_target,
                                         totals.answers, ppo_.kl_horizon);
    }
    experience.old_logprobs = std::move(policy.logprobs);
    return experience;
  }

  /// Advantages and returns of answer i's tokens.
  void value_answer(const Rollout& rollout, int64_t i, double score,
                    const TokenNumbers& policy_logprobs, const TokenNumbers& reference_logprobs,
                    Experience& experience, Totals& totals) const {
    const auto logprobs = rollout.of(policy_logprobs, i);
    const auto against = rollout.of(reference_logprobs, i);
    const auto values = rollout.of(std::as_const(experience.old_values), i);
    std::vector<double> log_ratios;
    std::ranges::transform(logprobs, against, std::back_inserter(log_ratios), std::minus<>());
    ++totals.answers;
    totals.score += score;
    totals.kl += std::accumulate(log_ratios.begin(), log_ratios.end(), 0.0);
    totals.surprise -= std::accumulate(logprobs.begin(), logprobs.end(), 0.0);

    const std::vector<double> advantages = generalised_advantages(
        penalised_rewards(log_ratios, coefficient_, score), values, {ppo_.gamma, ppo_.lambda});
    std::ranges::copy(advantages, rollout.of(experience.advantages, i).begin());
    std::ranges::transform(advantages, values, rollout.of(experience.returns, i).begin(),
                           std::plus<>());
  }

  static TokenNumbers present(const Rollout& rollout, const std::vector<double>& scores) {
    TokenNumbers weights(static_cast<size_t>(rollout.tokens()), 0.0);
    for (int64_t i = 0; i < rollout.size(); ++i) {
      if (!std::isnan(scores[static_cast<size_t>(i)])) std::ranges::fill(rollout.of(weights, i), 1);
    }
    return weights;
  }

  /// The answers of each update of a pass.
  std::vector<std::vector<int64_t>> minibatches(int64_t k, int64_t epoch,
                                                const Rollout& rollout) const {
    const std::vector<int64_t> order =
        answer_order(rollout.size(), static_cast<uint64_t>(config_.run.seed), k, epoch);
    const int64_t size = rollout.size() / ppo_.minibatches;
    std::vector<std::vector<int64_t>> parts;
    for (auto first = order.begin(); first != order.end(); first += size)
      parts.emplace_back(first, first + size);
    return parts;
  }

  bool train(int64_t k, double learning_rate, const Rollout& rollout, const Experience& experience,
             MetricLog& metrics) {
    int64_t place = (k - 1) * ppo_.epochs * ppo_.minibatches, updates = 0;
    PassMetrics passes;
    bool sound = true, near = true;
    for (int64_t epoch = 0; sound && near && epoch < ppo_.epochs; ++epoch) {
      for (const std::vector<int64_t>& part : minibatches(k, epoch, rollout)) {
        ++place;
        if (weight_of(rollout, part, experience) == 0) continue;  // nobody was rewarded
        if (k > ppo_.critic_warmup) {
          const MetricLog::Values values =
              update_policy(k, place - 1, learning_rate, rollout, part, experience, passes, sound);
          if (updates == 0) metrics.set("policy/first_ratio", value_of(values, "val/ratio", 1));
          near = ppo_.max_approxkl == 0 ||
                 value_of(values, "policy/approxkl_avg", 0) <= ppo_.max_approxkl;
        }
        sound = sound && update_critic(k, learning_rate, rollout, part, experience, passes);
        ++updates;
        if (!sound || !near) break;
      }
    }
    passes.show(metrics);
    metrics.set("policy/updates", static_cast<double>(updates));
    return sound;
  }

  /// Of some answers, all ranks' together: their tokens that have a reward.
  static double weight_of(const Rollout& rollout, const std::vector<int64_t>& part,
                          const Experience& experience) {
    double weight = 0;
    for (const int64_t i : part) {
      const auto weights = rollout.of(experience.weights, i);
      weight += std::accumulate(weights.begin(), weights.end(), 0.0);
    }
    return weight;
  }

  MetricLog::Values update_policy(int64_t k, int64_t update, double learning_rate,
                                  const Rollout& rollout, const std::vector<int64_t>& part,
                                  const Experience& experience, PassMetrics& passes, bool& sound) {
    std::vector<data::Batch> batches = answer_batches(
        rollout, part, experience.weights,
        {{"advantage", &experience.advantages}, {"old_logprob", &experience.old_logprobs}}, deal_);
    if (ptx_) {
      ptx_->append(update, static_cast<int64_t>(part.size()), weight_of(rollout, part, experience),
                   batches);
    }
    const PolicyGradient objective(
        {.temperature = config_.generation.temperature, .clip = ppo_.clip});
    MetricLog pass;
    sound = engine_.step(k, batches, objective, learning_rate, pass);
    return passes.add("", pass, session_.world());
  }

  /// The policy's schedule at the critic's height; a policy that does not move has none.
  double critic_rate(double policy_rate) const {
    if (ppo_.critic_lr == 0) return policy_rate;
    const double peak = config_.optimizer.lr;
    return peak > 0 ? policy_rate * ppo_.critic_lr / peak : ppo_.critic_lr;
  }

  bool update_critic(int64_t k, double learning_rate, const Rollout& rollout,
                     const std::vector<int64_t>& part, const Experience& experience,
                     PassMetrics& passes) {
    const std::vector<data::Batch> batches = answer_batches(
        rollout, part, experience.weights,
        {{"return", &experience.returns}, {"old_value", &experience.old_values}}, deal_);
    MetricLog pass;
    const bool sound =
        critic_engine_.step(k, batches, ValueRegression(ppo_.value_clip, ppo_.value_coef),
                            critic_rate(learning_rate), pass);
    passes.add("critic/", pass, session_.world());
    return sound;
  }

  PpoSection ppo_;
  double coefficient_;  ///< of the divergence, as it is now
  std::optional<PtxStream> ptx_;
  std::unique_ptr<HeldModel> reference_;
  std::optional<Engine> reference_engine_;
  HeldModel critic_;
  Engine critic_engine_;
};

}  // namespace

void run_ppo(Session& session) {
  const RunConfig& config = session.config();
  OnlineInput input(session);
  const int64_t steps = online_steps(config, input.train, config.ppo.rollouts);
  std::optional<PtxStream> ptx = PtxStream::open(config, input.rows(config), session.context());
  Ppo job(session, std::move(input), std::move(ptx));
  run_loop(session, job, steps);
}

}  // namespace strata::trainer
