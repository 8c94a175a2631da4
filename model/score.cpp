// Log-probabilities of given tokens: forward passes without a graph, rows of like length together.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

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

struct ScoreBatch {
  at::Tensor tokens_bt, targets_bt;
};

// Padding on the right changes nothing: attention is causal.
ScoreBatch lay_out(std::span<const std::vector<int32_t>> rows, std::span<const size_t> which,
                   at::Device device) {
  const auto count = static_cast<int64_t>(which.size());
  int64_t longest = 0;
  for (size_t row : which) longest = std::max(longest, static_cast<int64_t>(rows[row].size()));
  const at::Tensor tokens_bt = at::full({count, longest}, 0, at::kLong),
                   targets_bt = at::full({count, longest}, kNoTarget, at::kLong);
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<int32_t>& ids = rows[which[i]];
    std::copy(ids.begin(), ids.end(), tokens_bt.mutable_data_ptr<int64_t>() + i * longest);
    if (!ids.empty())
      std::copy(ids.begin() + 1, ids.end(), targets_bt.mutable_data_ptr<int64_t>() + i * longest);
  }
  return {tokens_bt.to(device), targets_bt.to(device)};
}

at::Tensor batch_logprobs(const Decoder& decoder, const ScoreBatch& batch) {
  const auto run = [&](int chunk, const at::Tensor& hidden_nd) {
    return decoder.forward(chunk, {.tokens_bt = batch.tokens_bt}, hidden_nd, {});
  };
  const auto shape = decoder.hidden_shape(batch.tokens_bt.size(0), batch.tokens_bt.size(1));
  const at::Tensor h_nd = relay(decoder, shape, run);
  at::Tensor logprob_bt =
      h_nd.defined()
          ? decoder.head(nullptr).token_logprobs(h_nd, batch.targets_bt).contiguous()
          : at::empty(batch.tokens_bt.sizes(), batch.tokens_bt.options().dtype(at::kFloat));
  parallel::broadcast_wait(decoder.context().along(parallel::kModelAxes), logprob_bt,
                           last_stage_root(decoder));
  return logprob_bt.cpu();
}

}  // namespace

std::vector<std::vector<float>> score(const Decoder& decoder,
                                      std::span<const std::vector<int32_t>> rows,
                                      int64_t max_tokens) {
  const at::NoGradGuard no_grad;
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rows[a].size() > rows[b].size(); });

  std::vector<std::vector<float>> scores(rows.size());
  for (size_t begin = 0; begin < order.size();) {
    const int64_t longest = std::max<int64_t>(1, static_cast<int64_t>(rows[order[begin]].size()));
    const size_t count =
        std::min<size_t>(order.size() - begin, std::max<int64_t>(1, max_tokens / longest));
    const std::span<const size_t> which = std::span(order).subspan(begin, count);
    begin += count;
    if (rows[which[0]].empty()) break;  // the longest of what is left: all are empty
    const at::Tensor logprob_bt =
        batch_logprobs(decoder, lay_out(rows, which, decoder.params().options().device));
    for (size_t i = 0; i < count; ++i) {
      const float* row =
          logprob_bt.const_data_ptr<float>() + static_cast<int64_t>(i) * logprob_bt.size(1);
      std::vector<float>& out = scores[which[i]];
      if (rows[which[i]].empty()) continue;
      out.push_back(std::numeric_limits<float>::quiet_NaN());
      out.insert(out.end(), row, row + rows[which[i]].size() - 1);
    }
  }
  return scores;
}

}  // namespace strata::model
