// A rollout's answers as micro-batches: rows of prompt and answer with numbers for the answer's
// tokens. Which answers are a step's, in which order, is the caller's; the rows of a step are the
// same on any layout of ranks. Knows neither models nor losses.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "data/batch.h"
#include "trainer/rl/rollout.h"

namespace strata::trainer {

struct RunConfig;

struct DealOptions {
  int64_t micro = 1;  ///< rows of a pass
  int data_rank = 0, data_size = 1;
  int context_rank = 0, context_size = 1;  ///< ranks that share every row
  int64_t length_multiple = 1;             ///< of a pass, so that ranks can share its tokens
  int64_t count_multiple = 1;  ///< the number of micro-batches is a multiple of this (interleaved)
};
DealOptions deal_options(const RunConfig& config, const parallel::ParallelContext& context);

/// Rows of the given numbers, dealt as the loader deals: micro-batch m of data rank r has the b
/// rows from (m R + r) b on, padded to its own longest row.
std::vector<data::Batch> deal_rows(std::span<const int64_t> numbers, const DealOptions& options,
                                   const std::function<data::Row(int64_t)>& make_row);

/// Columns that a batch's tokens get, beside `weights`: batch.token_columns of the same names.
using TokenColumns = std::map<std::string, const TokenNumbers*>;

/// This data rank's micro-batches of the answers `which`, sorted by length so that little is
/// padded. The place of an answer token's numbers is that of the token before it: there it is the
/// target. batch.samples are answer numbers, -1 for rows that only fill up; ranks make equally many
/// micro-batches.
std::vector<data::Batch> answer_batches(const Rollout& rollout, std::span<const int64_t> which,
                                        const TokenNumbers& weights, const TokenColumns& columns,
                                        const DealOptions& options);

/// Answers whole, the last token included, without targets: what a reward model reads. `sequences`
/// are the ids of each answer with its prompt.
std::vector<data::Batch> whole_batches(std::span<const std::vector<int32_t>> sequences,
                                       const DealOptions& options);

/// All answers of pass `epoch` over the rollout of `step`, in an order of its own.
std::vector<int64_t> answer_order(int64_t answers, uint64_t seed, int64_t step, int64_t epoch);

/// The column of the whole row that column `t` of a batch is.
int64_t place_of(const data::Batch& batch, int64_t t);

}  // namespace strata::trainer
