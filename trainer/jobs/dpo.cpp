// strata dpo: a policy trained on judged answers against a frozen reference, which is the model it
// starts from (under LoRA: the same model without its adapters; orpo needs none).
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <optional>

#include "data/batch.h"
#include "parallel/comm/collectives.h"
#include "trainer/jobs/answers.h"
#include "trainer/jobs/jobs.h"
#include "trainer/loop/run_loop.h"
#include "trainer/objectives/preference.h"
#include "trainer/objectives/row_values.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

using Batches = std::vector<data::Batch>;

PreferenceOptions preference_options(const DpoSection& dpo) {
  return {.loss = preference_loss_named(dpo.loss),
          .beta = dpo.beta,
          .label_smoothing = dpo.label_smoothing,
          .nll_coef = dpo.nll_coef,
          .desirable_weight = dpo.desirable_weight,
          .undesirable_weight = dpo.undesirable_weight};
}

/// The rows of kLabelled samples that are their own answer, or that are another sample's.
Batches rows_where(const Batches& batches, bool mismatched) {
  Batches chosen;
  for (const data::Batch& batch : batches) {
    std::vector<int64_t> rows;
    for (int64_t row = mismatched ? 1 : 0; row < batch.rows; row += 2) rows.push_back(row);
    chosen.push_back(data::take_rows(batch, rows));
  }
  return chosen;
}

class PreferenceJob : public Supervised {
 public:
  /// `reference` null: the policy without its adapters, or none at all for orpo.
  PreferenceJob(Session& session, Parts parts, std::optional<HeldModel> reference)
      : Supervised(session, std::move(parts)),
        loss_(preference_loss_named(session.config().dpo.loss)),
        reference_(std::move(reference)) {
    if (reference_) {
      reference_engine_.emplace(*reference_->decoder, nullptr, engine_options(session.config()));
    }
  }

  Work last_work() const override {
    Work work = Supervised::last_work();
    if (loss_ != PreferenceLoss::kOrpo) work.flops *= 4.0 / 3;  // the reference: forward, a third
    return work;
  }

 protected:
  void prepare(Batches& batches) override {
    if (loss_ == PreferenceLoss::kOrpo) return;
    if (loss_ == PreferenceLoss::kKto) {
      Batches mismatched = rows_where(batches, true);
      batches = rows_where(batches, false);
      const double divergence = divergence_of(mismatched);
      for (data::Batch& batch : batches)
        batch.columns[kDivergenceColumn].assign(batch.samples.size(),
                                                static_cast<float>(divergence));
    }
    add_reference(batches);
  }

 private:
  /// Log-probabilities of whole answers under `engine`'s model into a column, where the last stage
  /// is: nobody else asks for them.
  void add_logprobs(Engine& engine, bool adapters, const char* column, Batches& batches) {
    engine.forward(batches, adapters, Read::kTargets,
                   [&](int microbatch, const at::Tensor& h_nd, const model::Head& head,
                       const DeviceBatch& batch) {
                     const at::Tensor logprob_b =
                         answer_logprobs(h_nd, head, batch,
                                         session_.context().along(parallel::kContextAxis))
                             .cpu();
                     const float* values = logprob_b.const_data_ptr<float>();
                     batches[static_cast<size_t>(microbatch)].columns[column].assign(
                         values, values + logprob_b.numel());
                   });
  }

  void add_reference(Batches& batches) {
    Engine& engine = reference_engine_ ? *reference_engine_ : engine_;
    add_logprobs(engine, /*adapters=*/false, kReferenceColumn, batches);
  }

  /// The reference point of kto: how far the policy is from the reference on answers that do not
  /// belong to their prompts, averaged over all ranks; at least 0.
  double divergence_of(Batches& mismatched) {
    constexpr const char* kPolicyColumn = "policy_logprob";
    add_reference(mismatched);
    add_logprobs(engine_, /*adapters=*/true, kPolicyColumn, mismatched);
    if (!session_.context().is_last_stage()) return 0;
    double sums[] = {0, 0};
    for (const data::Batch& batch : mismatched) {
      for (size_t row = 0; row < batch.samples.size(); ++row) {
        if (batch.samples[row] < 0) continue;
        sums[0] += batch.columns.at(kPolicyColumn)[row] - batch.columns.at(kReferenceColumn)[row];
        sums[1] += 1;
      }
    }
    parallel::all_reduce_numbers(session_.context().gradients(), sums);
    return sums[1] > 0 ? std::max(0.0, sums[0] / sums[1]) : 0;
  }

  PreferenceLoss loss_;
  std::optional<HeldModel> reference_;
  std::optional<Engine> reference_engine_;
};

}  // namespace

void run_dpo(Session& session) {
  const RunConfig& config = session.config();
  // 1. Model and rows, read and checked.
  const PreferenceOptions options = preference_options(config.dpo);
  const bool is_kto = options.loss == PreferenceLoss::kKto;
  AnswerInput input = open_answers(session, model::HeadKind::kLanguage,
                                   {is_kto ? data::RowKind::kLabelled : data::RowKind::kPairs});
  const int64_t steps =
      steps_of(config, input.train, loader_options(config, session.context()).global);

  // 2. The run's folder, the policy and its reference.
  HeldModel policy = open_trained(session, input);
  std::optional<HeldModel> reference;
  const bool has_reference = options.loss != PreferenceLoss::kOrpo;
  if (has_reference && config.lora.rank == 0) {
    reference = make_frozen_model(session.context(), config, input.start.info);
    load_start(input.start, *reference->decoder);
  }

  // 3. Training.
  auto objective = std::make_unique<PreferenceObjective>(
      options, session.context().along(parallel::kContextAxis));
  PreferenceJob job(session, parts_of(input, std::move(policy), std::move(objective)),
                    std::move(reference));
  run_loop(session, job, steps);
}

}  // namespace strata::trainer
