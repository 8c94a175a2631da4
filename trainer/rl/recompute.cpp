#include "trainer/rl/recompute.h"

#include <cmath>

#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"
#include "trainer/engine/engine.h"
#include "trainer/rl/answer_batches.h"

namespace strata::trainer {
namespace {

/// Adds the numbers under the answers' targets to where they belong. The ranks of the last stage
/// have the same numbers: one tensor rank writes them, and cut rows are written by those who hold
/// the pieces.
void scatter(const Rollout& rollout, const at::Tensor& numbers_bt, const data::Batch& batch,
             TokenNumbers& out) {
  const at::Tensor host_bt = numbers_bt.to(at::kCPU, at::kFloat).contiguous();
  const float* number = host_bt.const_data_ptr<float>();
  for (int64_t row = 0; row < batch.rows; ++row) {
    const int64_t answer = batch.samples[static_cast<size_t>(row)];
    if (answer < 0) continue;
    const auto before = static_cast<int64_t>(rollout[answer].prompt->ids.size()) - 1;
    for (int64_t t = 0; t < batch.length; ++t) {
      const int64_t token = place_of(batch, t) - before;
      if (token >= 0 && token < rollout.length(answer))
        out[static_cast<size_t>(rollout.begin(answer) + token)] = number[row * batch.length + t];
    }
  }
}

bool speaks(const Engine& engine) { return engine.decoder().context().coord().tensor == 0; }

void share(const Engine& engine, std::span<double> numbers) {
  parallel::Communicator& world = engine.decoder().context().world();
  if (world.size() > 1) parallel::all_reduce_numbers(world, numbers);
}

}  // namespace

PolicyNumbers policy_numbers(Engine& engine, const Rollout& rollout,
                             std::span<const data::Batch> batches, double temperature,
                             bool adapters, bool entropy) {
  const auto tokens = static_cast<size_t>(rollout.tokens());
  PolicyNumbers numbers{TokenNumbers(tokens), TokenNumbers(entropy ? tokens : 0)};
  engine.forward(
      batches, adapters, Read::kTargets,
      [&](int, const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch) {
        at::Tensor entropy_bt;
        const at::Tensor logprobs_bt = head.token_logprobs(h_nd, batch.targets_bt, temperature,
                                                           entropy ? &entropy_bt : nullptr);
        if (!speaks(engine)) return;
        scatter(rollout, logprobs_bt, *batch.rows, numbers.logprobs);
        if (entropy) scatter(rollout, entropy_bt, *batch.rows, numbers.entropies);
      });
  share(engine, numbers.logprobs);
  if (entropy) share(engine, numbers.entropies);
  return numbers;
}

TokenNumbers token_values(Engine& critic, const Rollout& rollout,
                          std::span<const data::Batch> batches) {
  TokenNumbers values(static_cast<size_t>(rollout.tokens()));
  critic.forward(
      batches, true, Read::kTargets,
      [&](int, const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch) {
        const at::Tensor values_bt = head.values(h_nd, batch.rows->rows, batch.rows->length);
        if (speaks(critic)) scatter(rollout, values_bt, *batch.rows, values);
      });
  share(critic, values);
  return values;
}

std::vector<double> sequence_scores(Engine& engine, size_t count,
                                    std::span<const std::vector<int32_t>> sequences,
                                    std::span<const data::Batch> batches) {
  std::vector<double> scores(count);
  engine.forward(
      batches, true, Read::kRowEnds,
      [&](int, const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& device) {
        const data::Batch& batch = *device.rows;
        const at::Tensor values_bt =
            head.values(h_nd, batch.rows, batch.length).to(at::kCPU).contiguous();
        if (!speaks(engine)) return;
        const float* value = values_bt.const_data_ptr<float>();
        for (int64_t row = 0; row < batch.rows; ++row) {
          const int64_t number = batch.samples[static_cast<size_t>(row)];
          if (number < 0) continue;
          const auto last = static_cast<int64_t>(sequences[static_cast<size_t>(number)].size()) - 1;
          for (int64_t t = 0; t < batch.length; ++t) {
            if (place_of(batch, t) == last)
              scores[static_cast<size_t>(number)] = value[row * batch.length + t];
          }
        }
      });
  share(engine, scores);
  return scores;
}

double sampling_mismatch(const TokenNumbers& sampled, const TokenNumbers& recomputed) {
  double sum = 0;
  for (size_t i = 0; i < sampled.size(); ++i) sum += std::exp(std::abs(sampled[i] - recomputed[i]));
  return sampled.empty() ? 1 : sum / static_cast<double>(sampled.size());
}

}  // namespace strata::trainer
