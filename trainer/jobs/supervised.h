// Training on given rows: one model, one objective, one stream of batches. Pretraining and
// supervised fine-tuning are this with different data and objectives.
#pragma once

#include <memory>

#include "data/loader.h"
#include "trainer/engine/engine.h"
#include "trainer/loop/algorithm.h"
#include "trainer/models/held_model.h"
#include "trainer/objectives/objective.h"

namespace strata::trainer {

class Session;

class Supervised : public Algorithm {
 public:
  struct Parts {
    HeldModel model;
    std::unique_ptr<Objective> objective;
    data::SampleStream train, eval;
    std::filesystem::path tokenizer;  ///< whose files go into the model folder; empty: none
    double noise = 0;                 ///< on embeddings in training steps (EngineOptions)
  };
  Supervised(Session& session, Parts parts);

  bool step(int64_t k, double learning_rate, MetricLog& metrics) override;
  void evaluate(MetricLog& metrics) override;
  bool has_perplexity() const override { return objective_->is_token_likelihood(); }
  std::vector<CheckpointModel> models() override;
  const model::FolderInfo& model_info() const override { return model_.info; }
  /// The fingerprint of the training rows.
  std::string state() const override { return data_; }
  /// Warns where the rows are others than those of the checkpoint.
  void restore(std::string_view state, int64_t step) override;
  void save_model(const std::filesystem::path& folder) override;
  Work last_work() const override { return last_work_; }
  double data_wait_seconds() const override;

 protected:
  /// Whatever the objective needs beside the rows is put into the batches' columns here, before
  /// every step and every evaluation.
  virtual void prepare(std::vector<data::Batch>&) {}

  Session& session_;
  HeldModel model_;
  std::unique_ptr<Objective> objective_;
  const std::string data_;  ///< the training rows' fingerprint
  Engine engine_;
  data::DataLoader loader_;
  data::SampleStream eval_;
  std::filesystem::path tokenizer_;

 private:
  /// Of all ranks' micro-batches. Collective.
  Work work_of(std::span<const data::Batch> microbatches) const;

  Work last_work_;
};

/// How batches of `config` are dealt out over the data ranks of `context`. UserError (kBadUsage)
/// with the nearest legal values where batch.global is not a multiple of batch.micro x data ranks.
data::LoaderOptions loader_options(const RunConfig& config,
                                   const parallel::ParallelContext& context);

}  // namespace strata::trainer
