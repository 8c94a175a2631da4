// strata reward: a scalar head on a language model (or an earlier reward model), trained on judged
// answers; normalised at the end over the answers it was trained on.
#include "trainer/objectives/reward.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "data/loader.h"
#include "parallel/comm/collectives.h"
#include "trainer/jobs/answers.h"
#include "trainer/jobs/jobs.h"
#include "trainer/loop/run_loop.h"
#include "trainer/objectives/row_values.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

using data::RowKind;

std::vector<RowKind> kinds_for(RewardLoss loss) {
  if (loss == RewardLoss::kRegression) return {RowKind::kRatings};
  return {RowKind::kPairs, RowKind::kRankings};
}

/// transformers finds the last token of a padded row by the pad id, so there must be one, and an
/// answer must not end with it.
void need_pad_id(model::FolderInfo& info) {
  const auto is_end = [&](int64_t id) { return std::ranges::count(info.end_ids, id) > 0; };
  if (info.pad_id >= 0 && !is_end(info.pad_id)) return;
  info.pad_id = 0;
  while (is_end(info.pad_id)) ++info.pad_id;
}

/// Mean and deviation of many rewards.
struct Spread {
  double count = 0, sum = 0, squares = 0;
  double mean() const { return sum / count; }
  double deviation() const { return std::sqrt(std::max(0.0, squares / count - mean() * mean())); }
};

class RewardJob : public Supervised {
 public:
  RewardJob(Session& session, Parts parts, int64_t steps)
      : Supervised(session, std::move(parts)), steps_(steps) {}

  void save_model(const std::filesystem::path& folder) override {
    if (session_.config().reward.normalize != "none") normalize();
    Supervised::save_model(folder);
  }

 private:
  void normalize() {
    const Spread spread = training_rewards();
    const bool scales = session_.config().reward.normalize == "mean_std" && spread.deviation() > 0;
    const double gain = scales ? 1 / spread.deviation() : 1;
    session_.log().info(fmt::format("{:.0f} training answers: mean reward {:.4f}, deviation {:.4f}",
                                    spread.count, spread.mean(), spread.deviation()));
    const parallel::ParamId head = model_.params->find("head.weight");
    if (head.valid()) model_.params->set_whole(head, model_.params->get_whole(head).mul(gain));
    model_.info.reward_shift = -gain * spread.mean();
  }

  /// Of the answers that were trained on, each once.
  Spread training_rewards() {
    const data::SampleStream& train = loader_.stream();
    const int64_t passes =
        std::min(steps_, data::steps_of_epochs(train, 1, loader_.options().global));
    Spread spread;
    for (int64_t k = 0; k < passes; ++k) {
      const std::vector<data::Batch> batches = data::batches_of_step(train, loader_.options(), k);
      engine_.forward(batches, true, Read::kRowEnds,
                      [&](int, const at::Tensor& h_nd, const model::Head& head,
                          const DeviceBatch& batch) { add_rewards(h_nd, head, batch, spread); });
    }
    double sums[] = {spread.count, spread.sum, spread.squares};
    parallel::all_reduce_numbers(session_.world(), sums);
    return {sums[0], sums[1], sums[2]};
  }

  void add_rewards(const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch,
                   Spread& spread) const {
    const parallel::ParallelContext& context = session_.context();
    const at::Tensor reward_b =
        last_values(h_nd, head, batch, context.along(parallel::kContextAxis)).cpu();
    // The other ranks that hold these rows have the same rewards.
    if (context.coord().tensor != 0 || context.coord().context != 0) return;
    const auto rank = batch.rows->columns.find("rank");
    for (int64_t row = 0; row < batch.rows->rows; ++row) {
      const bool fills_up = rank != batch.rows->columns.end() && rank->second[row] < 0;
      if (fills_up) continue;
      const double reward = reward_b.const_data_ptr<float>()[row];
      spread.count += 1;
      spread.sum += reward;
      spread.squares += reward * reward;
    }
  }

  int64_t steps_;
};

}  // namespace

void run_reward(Session& session) {
  const RunConfig& config = session.config();
  // 1. Model and rows, read and checked.
  RewardOptions options;
  options.loss = reward_loss_named(config.reward.loss);
  options.center = config.reward.center;
  options.prompts = config.batch.micro;
  AnswerInput input = open_answers(session, model::HeadKind::kScalar, kinds_for(options.loss));
  need_pad_id(input.start.info);
  const int64_t steps =
      steps_of(config, input.train, loader_options(config, session.context()).global);

  // 2. The run's folder, the model, training.
  HeldModel model = open_trained(session, input);
  auto objective =
      std::make_unique<RewardObjective>(options, session.context().along(parallel::kContextAxis));
  RewardJob job(session, parts_of(input, std::move(model), std::move(objective)), steps);
  run_loop(session, job, steps);
}

}  // namespace strata::trainer
