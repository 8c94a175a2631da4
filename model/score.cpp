// Log-probabilities of given tokens, and rewards of given rows: forward passes without a graph,
// rows of like length together.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "model/decoder.h"
#include "model/generator.h"
#include "model/relay.h"
#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"

namespace strata::model {
namespace {

constexpr int64_t kNoTarget = -1;

enum class Read : uint8_t { kAllButLast, kLast };

struct ScoreBatch {
  Input input;
  at::Tensor targets_bt;
};

// Padding on the right changes nothing: attention is causal.
ScoreBatch lay_out(std::span<const std::vector<int32_t>> rows, std::span<const size_t> which,
                   Read read, at::Device device) {
  const auto count = static_cast<int64_t>(which.size());
  int64_t longest = 0;
  for (size_t row : which) longest = std::max(longest, static_cast<int64_t>(rows[row].size()));
  const at::Tensor tokens_bt = at::full({count, longest}, 0, at::kLong),
                   targets_bt = at::full({count, longest}, kNoTarget, at::kLong);
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<int32_t>& ids = rows[which[i]];
    if (ids.empty()) continue;
    std::copy(ids.begin(), ids.end(), tokens_bt.mutable_data_ptr<int64_t>() + i * longest);
    std::copy(ids.begin() + 1, ids.end(), targets_bt.mutable_data_ptr<int64_t>() + i * longest);
    const auto last = static_cast<int64_t>(ids.size()) - 1;
    const int64_t first = read == Read::kLast ? last : 0,
                  end = read == Read::kLast ? last + 1 : last;
    for (int64_t t = first; t < end; ++t) numbers.push_back(i * longest + t);
  }
  ScoreBatch batch{{.tokens_bt = tokens_bt.to(device)}, targets_bt.to(device)};
  if (!numbers.empty()) batch.input.read_n = at::tensor(numbers).to(device);
  return batch;
}

/// What `ask` makes of a batch's final hidden states, fp32 [rows, tokens], on every rank.
template <class Ask>
at::Tensor numbers_of(const Decoder& decoder, const ScoreBatch& batch, const Ask& ask) {
  const auto run = [&](int chunk, const at::Tensor& hidden_nd) {
    return decoder.forward(chunk, batch.input, hidden_nd, {});
  };
  const at::Tensor& tokens_bt = batch.input.tokens_bt;
  const auto shape = decoder.hidden_shape(tokens_bt.size(0), tokens_bt.size(1));
  const at::Tensor h_nd = relay(decoder, shape, run);
  at::Tensor number_bt = h_nd.defined()
                             ? ask(decoder.head(nullptr, batch.input), h_nd).contiguous()
                             : at::empty(tokens_bt.sizes(), tokens_bt.options().dtype(at::kFloat));
  parallel::broadcast_wait(decoder.context().along(parallel::kModelAxes), number_bt,
                           last_stage_root(decoder));
  return number_bt.cpu();
}

/// Calls take(row number, its numbers, one per token) for every row that is not empty; rows of like
/// length are run together.
template <class Ask, class Take>
void for_rows(const Decoder& decoder, std::span<const std::vector<int32_t>> rows,
              int64_t max_tokens, Read read, const Ask& ask, const Take& take) {
  const at::NoGradGuard no_grad;
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rows[a].size() > rows[b].size(); });
  for (size_t begin = 0; begin < order.size();) {
    const int64_t longest = std::max<int64_t>(1, static_cast<int64_t>(rows[order[begin]].size()));
    const size_t count =
        std::min<size_t>(order.size() - begin, std::max<int64_t>(1, max_tokens / longest));
    const std::span<const size_t> which = std::span(order).subspan(begin, count);
    begin += count;
    if (rows[which[0]].empty()) break;  // the longest of what is left: all are empty
    const ScoreBatch batch = lay_out(rows, which, read, decoder.params().options().device);
    const at::Tensor number_bt = numbers_of(
        decoder, batch,
        [&](const Head& head, const at::Tensor& h_nd) { return ask(head, h_nd, batch); });
    for (size_t i = 0; i < count; ++i) {
      const float* numbers =
          number_bt.const_data_ptr<float>() + static_cast<int64_t>(i) * number_bt.size(1);
      if (!rows[which[i]].empty()) take(which[i], std::span(numbers, rows[which[i]].size()));
    }
  }
}

}  // namespace

std::vector<std::vector<float>> score(const Decoder& decoder,
                                      std::span<const std::vector<int32_t>> rows,
                                      int64_t max_tokens) {
  std::vector<std::vector<float>> scores(rows.size());
  for_rows(
      decoder, rows, max_tokens, Read::kAllButLast,
      [](const Head& head, const at::Tensor& h_nd, const ScoreBatch& batch) {
        return head.token_logprobs(h_nd, batch.targets_bt);
      },
      [&](size_t row, std::span<const float> logprobs) {
        scores[row].push_back(std::numeric_limits<float>::quiet_NaN());
        scores[row].insert(scores[row].end(), logprobs.begin(), logprobs.end() - 1);
      });
  return scores;
}

std::vector<float> reward(const Decoder& decoder, std::span<const std::vector<int32_t>> rows,
                          int64_t max_tokens) {
  std::vector<float> rewards(rows.size(), std::numeric_limits<float>::quiet_NaN());
  for_rows(
      decoder, rows, max_tokens, Read::kLast,
      [](const Head& head, const at::Tensor& h_nd, const ScoreBatch& batch) {
        return head.values(h_nd, batch.targets_bt.size(0), batch.targets_bt.size(1));
      },
      [&](size_t row, std::span<const float> values) { rewards[row] = values.back(); });
  return rewards;
}

}  // namespace strata::model
