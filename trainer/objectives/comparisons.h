// Which answers of a batch are compared with which, and how much each comparison counts: all pairs
// of the answers to one prompt, which together weigh as that prompt. Reads the columns of a batch;
// knows no model and no loss.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace strata::data {
struct Batch;
}

namespace strata::trainer {

/// Pairs p of rows of a batch. Tensors lie on the CPU or where to() put them.
struct Comparisons {
  at::Tensor better_p, worse_p;  ///< int64 row numbers
  at::Tensor target_p;  ///< fp32: probability that the first is the better one: 1, and 1/2 of a tie
  at::Tensor margin_p;  ///< fp32: by how much its reward should be higher; 0 of a tie
  at::Tensor weight_p;  ///< fp32: the prompt's weight / the number of its pairs

  Comparisons to(at::Device device) const;
};

/// The comparisons of a batch whose prompts have `answers` rows each. With a column `rank` (lower
/// is better, equal is a tie, below 0 an answer that only fills up) all pairs of a prompt; without
/// it pairs whose first row is the chosen one, a tie where the column `tie` is not 0.
Comparisons compare(const data::Batch& batch, int64_t answers);

/// fp32 [prompts, answers]: the ranks by which compare() goes.
at::Tensor ranks(const data::Batch& batch, int64_t answers);

/// The weight of each prompt: the column `weight` of its first row (1 where there is no such
/// column), 0 where the rows only fill up or hold nothing to compare.
std::vector<double> prompt_weights(const data::Batch& batch, int64_t answers);

/// A column of the batch as fp32 [rows], `otherwise` where no row has it.
at::Tensor column_or(const data::Batch& batch, const std::string& name, float otherwise);

}  // namespace strata::trainer
