#include "trainer/objectives/comparisons.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "base/error.h"
#include "data/batch.h"

namespace strata::trainer {
namespace {

/// The value of a row in a column that may not be there.
float value_at(const data::Batch& batch, const char* name, int64_t row, float otherwise) {
  const auto column = batch.columns.find(name);
  return column == batch.columns.end() ? otherwise : column->second[static_cast<size_t>(row)];
}

/// Lower is better; below 0 does not take part.
float rank_of(const data::Batch& batch, int64_t row, int64_t answers) {
  const int64_t place = row % answers;
  const bool is_tie = value_at(batch, "tie", row - place, 0) != 0;
  return value_at(batch, "rank", row, is_tie ? 0 : static_cast<float>(place));
}

struct Pair {
  int64_t better, worse;
  bool is_tie;
};

/// All pairs of the answers in rows [first, first + answers).
std::vector<Pair> pairs_of_prompt(const data::Batch& batch, int64_t first, int64_t answers) {
  std::vector<Pair> pairs;
  if (batch.samples[static_cast<size_t>(first)] < 0) return pairs;
  for (int64_t a = first; a < first + answers; ++a) {
    for (int64_t b = a + 1; b < first + answers; ++b) {
      const float rank_a = rank_of(batch, a, answers), rank_b = rank_of(batch, b, answers);
      if (rank_a < 0 || rank_b < 0) continue;
      pairs.push_back(rank_a <= rank_b ? Pair{a, b, rank_a == rank_b} : Pair{b, a, false});
    }
  }
  return pairs;
}

}  // namespace

Comparisons Comparisons::to(at::Device device) const {
  return {better_p.to(device), worse_p.to(device), target_p.to(device), margin_p.to(device),
          weight_p.to(device)};
}

Comparisons compare(const data::Batch& batch, int64_t answers) {
  base::ensure(batch.rows % answers == 0, "every prompt has the same number of rows");
  std::vector<int64_t> better, worse;
  std::vector<float> target, margin, weight;
  for (int64_t first = 0; first < batch.rows; first += answers) {
    const std::vector<Pair> pairs = pairs_of_prompt(batch, first, answers);
    const float share =
        value_at(batch, "weight", first, 1) / std::max(1.0F, static_cast<float>(pairs.size()));
    for (const Pair& pair : pairs) {
      better.push_back(pair.better);
      worse.push_back(pair.worse);
      target.push_back(pair.is_tie ? 0.5F : 1.0F);
      margin.push_back(pair.is_tie ? 0.0F : value_at(batch, "margin", pair.better, 0));
      weight.push_back(share);
    }
  }
  return {at::tensor(better), at::tensor(worse), at::tensor(target), at::tensor(margin),
          at::tensor(weight)};
}

at::Tensor ranks(const data::Batch& batch, int64_t answers) {
  std::vector<float> ranks;
  for (int64_t row = 0; row < batch.rows; ++row) ranks.push_back(rank_of(batch, row, answers));
  return at::tensor(ranks).view({-1, answers});
}

std::vector<double> prompt_weights(const data::Batch& batch, int64_t answers) {
  std::vector<double> weights;
  for (int64_t first = 0; first < batch.rows; first += answers) {
    const bool is_real = batch.samples[static_cast<size_t>(first)] >= 0;
    const bool compares = answers == 1 || !pairs_of_prompt(batch, first, answers).empty();
    weights.push_back(is_real && compares ? value_at(batch, "weight", first, 1) : 0);
  }
  return weights;
}

at::Tensor column_or(const data::Batch& batch, const std::string& name, float otherwise) {
  const auto column = batch.columns.find(name);
  return column == batch.columns.end() ? at::full({batch.rows}, otherwise)
                                       : at::tensor(column->second);
}

}  // namespace strata::trainer
