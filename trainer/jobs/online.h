// Learning from the policy's own answers: what ppo and grpo share. Prompts in, answers sampled and
// scored, samples kept, the policy evaluated and saved. What is learnt from the scores is the
// jobs' own.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "data/chat/chat_template.h"
#include "trainer/engine/engine.h"
#include "trainer/jobs/start.h"
#include "trainer/loop/algorithm.h"
#include "trainer/rewards/scorer.h"
#include "trainer/rl/answer_batches.h"
#include "trainer/rl/prompt_stream.h"
#include "trainer/rl/samples_file.h"

namespace strata::trainer {

class Session;

/// Tokenizer, model and prompts as the config names them, read and checked.
struct OnlineInput {
  explicit OnlineInput(Session& session);

  ModelStart start;
  std::unique_ptr<data::ChatTemplate> chat;  ///< null without a tokenizer
  int64_t sequence;  ///< tokens that a prompt and its answer may have together
  PromptStream train, eval;

  /// How rows are read: by this tokenizer and template.
  data::DatasetContext rows(const RunConfig& config) const;
};

/// run.steps, or what run.epochs over the prompts come to.
int64_t online_steps(const RunConfig& config, const PromptStream& prompts, int64_t per_step);

class OnlineJob : public Algorithm {
 public:
  /// Opens the rewards, which check all rows, then the run's folder and the policy.
  OnlineJob(Session& session, OnlineInput input);

  void evaluate(MetricLog& metrics) override;
  std::vector<CheckpointModel> models() override;
  const model::FolderInfo& model_info() const override { return policy_.info; }
  void restore(std::string_view, int64_t) override {}
  void save_model(const std::filesystem::path& folder) override;
  double data_wait_seconds() const override { return 0; }

 protected:
  /// `copies` answers to each of the `prompts` prompts of step k, copies side by side.
  Rollout sample(int64_t k, int64_t prompts, int64_t copies);
  /// Adds reward/NAME, watch/NAME, lengths and the like; warns of answers without a reward.
  Scores score(int64_t k, const Rollout& rollout, MetricLog& metrics);
  /// A row per sample in RUN/samples.jsonl, where step k is logged.
  void keep_samples(int64_t k, const Rollout& rollout, const Scores& scores);
  /// "rollout/logprob_ratio", with a warning where sampling and training disagree.
  void watch_sampling(int64_t k, double mismatch, MetricLog& metrics);
  /// Of the last rollout, its prompts and answers: sampled once and then passed forward `forwards`
  /// times and trained `passes` times.
  Work rollout_work(double forwards, double passes) const;

  /// The frozen reference: the policy before training. Null under LoRA, where the policy without
  /// adapters is it.
  std::unique_ptr<HeldModel> make_reference();

  Session& session_;
  const RunConfig& config_;
  OnlineInput input_;
  AnswerText text_;
  Scorer rewards_, watched_;
  HeldModel policy_;
  Engine engine_;
  DealOptions deal_;

 private:
  void warn_of_gaps(int64_t k, const Scores& scores);
  model::SamplingConfig sampling(int64_t step) const;
  void evaluate_prompts(const std::string& name, double temperature, MetricLog& metrics);

  std::optional<SamplesFile> samples_;  ///< on the main rank
  int64_t last_answers_ = 0, last_tokens_ = 0;
};

/// Metrics of several passes over one rollout: each shown as the mean over the passes. One reduce
/// a pass, so that all ranks can decide on what it says.
class PassMetrics {
 public:
  /// Takes what one pass logged; its "grad_norm" gets `owner` before it. Collective.
  MetricLog::Values add(const std::string& owner, MetricLog& pass, parallel::Communicator& world);
  void show(MetricLog& metrics) const;

 private:
  struct Mean {
    std::string name;
    double sum = 0;
    int64_t passes = 0;
  };
  std::vector<Mean> means_;
};

}  // namespace strata::trainer
