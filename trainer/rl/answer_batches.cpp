#include "trainer/rl/answer_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/random.h"
#include "parallel/mesh/context.h"
#include "trainer/config/run_config.h"
#include "trainer/plan/fit.h"

namespace strata::trainer {
namespace {

std::vector<int32_t> sequence_of(const Answer& answer) {
  std::vector<int32_t> ids = answer.prompt->ids;
  ids.insert(ids.end(), answer.ids.begin(), answer.ids.end());
  return ids;
}

/// `numbers` under the targets of a row of `length` columns whose last ones are the answer's.
std::vector<float> under_targets(std::span<const double> numbers, size_t length) {
  std::vector<float> column(length, 0.0f);
  const size_t first = length - numbers.size();
  for (size_t t = 0; t < numbers.size(); ++t) column[first + t] = static_cast<float>(numbers[t]);
  return column;
}

data::Row answer_row(const Rollout& rollout, int64_t number, const TokenNumbers& weights,
                     const TokenColumns& columns) {
  const Answer& answer = rollout[number];
  std::vector<int32_t> tokens = sequence_of(answer);
  std::vector<int32_t> targets(tokens.begin() + 1, tokens.end());
  tokens.pop_back();
  std::fill_n(targets.begin(), answer.prompt->ids.size() - 1, data::kNoTarget);
  const size_t length = tokens.size();
  data::Row row = data::one_document_row(std::move(tokens), std::move(targets));
  row.weights = under_targets(rollout.of(weights, number), length);
  for (const auto& [name, numbers] : columns)
    row.token_columns[name] = under_targets(rollout.of(*numbers, number), length);
  return row;
}

}  // namespace

DealOptions deal_options(const RunConfig& config, const parallel::ParallelContext& context) {
  DealOptions options;
  options.micro = config.batch.micro;
  options.data_rank = context.coord().data;
  options.data_size = context.layout().data();
  options.context_rank = context.coord().context;
  options.context_size = context.layout().context();
  options.length_multiple = length_unit(config, context.layout());
  if (config.parallel.chunks > 1) options.count_multiple = context.layout().pipeline();
  return options;
}

std::vector<data::Batch> deal_rows(std::span<const int64_t> numbers, const DealOptions& options,
                                   const std::function<data::Row(int64_t)>& make_row) {
  const int64_t pass = options.micro * options.data_size;
  const auto count = static_cast<int64_t>(numbers.size());
  int64_t passes = std::max<int64_t>(1, (count + pass - 1) / pass);
  passes = (passes + options.count_multiple - 1) / options.count_multiple * options.count_multiple;
  const int64_t multiple = options.length_multiple;
  std::vector<data::Batch> batches;
  for (int64_t m = 0; m < passes; ++m) {
    const int64_t first = m * pass + options.data_rank * options.micro;
    std::vector<data::Row> rows;
    std::vector<int64_t> samples;
    int64_t longest = 1;
    for (int64_t i = first; i < first + options.micro; ++i) {
      samples.push_back(i < count ? numbers[static_cast<size_t>(i)] : -1);
      rows.push_back(i < count ? make_row(samples.back()) : data::Row{});
      longest = std::max(longest, rows.back().length());
    }
    const int64_t length = (longest + multiple - 1) / multiple * multiple;
    data::Batch whole = data::make_batch(rows, samples, length);
    batches.push_back(options.context_size == 1
                          ? std::move(whole)
                          : data::cut_rows(whole, options.context_rank, options.context_size));
  }
  return batches;
}

std::vector<data::Batch> answer_batches(const Rollout& rollout, std::span<const int64_t> which,
                                        const TokenNumbers& weights, const TokenColumns& columns,
                                        const DealOptions& options) {
  const auto length = [&](int64_t i) {
    return rollout[i].prompt->ids.size() + rollout[i].ids.size();
  };
  std::vector<int64_t> sorted(which.begin(), which.end());
  std::ranges::stable_sort(sorted, std::greater{}, length);
  return deal_rows(sorted, options,
                   [&](int64_t number) { return answer_row(rollout, number, weights, columns); });
}

std::vector<data::Batch> whole_batches(std::span<const std::vector<int32_t>> sequences,
                                       const DealOptions& options) {
  std::vector<int64_t> sorted(sequences.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  const auto ids = [&](int64_t i) -> const std::vector<int32_t>& {
    return sequences[static_cast<size_t>(i)];
  };
  std::ranges::stable_sort(sorted, std::greater{}, [&](int64_t i) { return ids(i).size(); });
  return deal_rows(sorted, options, [&](int64_t number) {
    return data::one_document_row(ids(number),
                                  std::vector<int32_t>(ids(number).size(), data::kNoTarget));
  });
}

std::vector<int64_t> answer_order(int64_t answers, uint64_t seed, int64_t step, int64_t epoch) {
  const uint64_t key =
      base::stream_key(seed, fmt::format("answers of step {}, pass {}", step, epoch));
  std::vector<int64_t> order;
  for (int64_t i = 0; i < answers; ++i) {
    order.push_back(static_cast<int64_t>(
        base::permute(static_cast<uint64_t>(i), static_cast<uint64_t>(answers), key)));
  }
  return order;
}

int64_t place_of(const data::Batch& batch, int64_t t) {
  return batch.places.empty() ? t : batch.places[static_cast<size_t>(t)];
}

}  // namespace strata::trainer
