#include "trainer/rl/ptx.h"

#include <numeric>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"
#include "trainer/config/run_config.h"

namespace strata::trainer {

std::optional<PtxStream> PtxStream::open(const RunConfig& config, const data::DatasetContext& rows,
                                         const parallel::ParallelContext& context) {
  if (config.ppo.ptx_coef == 0) return {};
  if (config.ppo.ptx_data.empty()) {
    throw base::UserError(
        base::kBadUsage, "ppo.ptx_data: names the text that ppo.ptx_coef mixes in, and is not set");
  }
  auto files = std::make_unique<data::DataConfig>(config.data);
  files->train.clear();
  for (const std::string& path : config.ppo.ptx_data) files->train.push_back({path, 1.0});
  data::DatasetContext text{*files, rows.sequence, rows.codec, rows.vocab_size};
  text.chat = rows.chat;
  data::SampleStream stream =
      data::SampleStream::open_training(text, static_cast<uint64_t>(config.run.seed));
  return PtxStream(std::move(files), std::move(stream), config.ppo.ptx_coef,
                   deal_options(config, context), context.gradients());
}

void PtxStream::append(int64_t update, int64_t rows, double answer_tokens,
                       std::vector<data::Batch>& batches) const {
  std::vector<int64_t> numbers(static_cast<size_t>(rows));
  std::iota(numbers.begin(), numbers.end(), update * rows);
  std::vector<data::Batch> text = deal_rows(numbers, deal_, [&](int64_t n) {
    std::vector<data::Row> made;
    stream_.get(n, made);
    return made.front();
  });
  double tokens = 0;
  for (const data::Batch& batch : text)
    tokens += std::accumulate(batch.weights.begin(), batch.weights.end(), 0.0);
  tokens = parallel::all_sum(gradients_, tokens);
  const double scale = tokens > 0 ? coefficient_ * answer_tokens / tokens : 0;
  for (data::Batch& batch : text) {
    for (float& weight : batch.weights) weight *= static_cast<float>(scale);
    batch.columns["ptx"].assign(static_cast<size_t>(batch.rows), 1.0f);
    batches.push_back(std::move(batch));
  }
}

}  // namespace strata::trainer
