#include "trainer/plan/fit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/error.h"
#include "parallel/layers/heads.h"
#include "trainer/config/run_config.h"

namespace strata::trainer {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw base::UserError(base::kBadUsage, why); }

/// "96 or 112": the multiples of `unit` around a number.
std::string nearest_multiples(int64_t number, int64_t unit) {
  const int64_t below = number / unit * unit;
  return (below > 0 ? fmt::format("{} or ", below) : "") + fmt::to_string(below + unit);
}

/// The numbers from 1 to `most` that are fine, or "none".
template <class IsFine>
std::string legal_numbers(int64_t most, const IsFine& is_fine) {
  std::vector<int64_t> legal;
  for (int64_t number = 1; number <= most; ++number)
    if (is_fine(number)) legal.push_back(number);
  return legal.empty() ? "none" : fmt::format("{}", fmt::join(legal, ", "));
}

void check_global_batch(const RunConfig& config, int64_t data) {
  const int64_t global = config.batch.global, unit = config.batch.micro * data;
  if (global % unit == 0) return;
  const std::string micros =
      legal_numbers(global, [&](int64_t micro) { return global % (micro * data) == 0; });
  refuse(
      fmt::format("batch.global is {}, no multiple of batch.micro {} x {} data ranks = {}; "
                  "nearest legal: batch.global {}{}",
                  global, config.batch.micro, data, unit, nearest_multiples(global, unit),
                  micros == "none" ? "" : ", or batch.micro one of " + micros));
}

void check_shared_rows(const RunConfig& config, int64_t context) {
  const int64_t sequence = config.batch.sequence, chunks = 2 * context;
  if (context == 1 || sequence % chunks == 0) return;
  refuse(
      fmt::format("batch.sequence is {}, no multiple of 2 x parallel.context {} = {}; nearest "
                  "legal: {}",
                  sequence, context, chunks, nearest_multiples(sequence, chunks)));
}

void check_shared_tokens(const RunConfig& config, const parallel::MeshLayout& layout) {
  if (!config.parallel.sequence) return;
  const int64_t sequence = config.batch.sequence, micro = config.batch.micro;
  const int64_t tokens = micro * sequence / layout.context();
  if (tokens % layout.tensor() == 0) return;
  refuse(
      fmt::format("parallel.sequence: a micro-batch of {} rows x {} tokens / {} context ranks "
                  "does not divide over {} tensor ranks; nearest legal batch.sequence: {}",
                  micro, sequence, layout.context(), layout.tensor(),
                  nearest_multiples(sequence, length_unit(config, layout))));
}

void check_heads(const model::ModelConfig& model, const parallel::MeshLayout& layout,
                 const std::string& whose) {
  const auto can_share = [&](int64_t tensor) {
    return parallel::can_share_heads(model.heads, model.kv_head_count(), static_cast<int>(tensor));
  };
  if (can_share(layout.tensor())) return;
  const int ranks = layout.world_size(), others = layout.context() * layout.pipeline();
  refuse(
      fmt::format("parallel.tensor: {} ranks cannot share the {} heads with {} key heads of {}; "
                  "legal on {} ranks: {}",
                  layout.tensor(), model.heads, model.kv_head_count(), whose, ranks,
                  legal_numbers(ranks, [&](int64_t tensor) {
                    return can_share(tensor) && ranks % (tensor * others) == 0;
                  })));
}

void check_layers(const RunConfig& config, const model::ModelConfig& model,
                  const parallel::MeshLayout& layout, const std::string& whose) {
  const int64_t chunks = config.parallel.chunks, parts = layout.pipeline() * chunks;
  if (parts <= model.layers) return;
  const int ranks = layout.world_size(), others = layout.tensor() * layout.context();
  refuse(
      fmt::format("parallel.pipeline {} x parallel.chunks {} is {}, but {} has only {} layers; "
                  "legal parallel.pipeline on {} ranks: {}",
                  layout.pipeline(), chunks, parts, whose, model.layers, ranks,
                  legal_numbers(ranks, [&](int64_t stages) {
                    return stages * chunks <= model.layers && ranks % (stages * others) == 0;
                  })));
}

}  // namespace

void check_rows_fit(const RunConfig& config, const parallel::MeshLayout& layout) {
  check_global_batch(config, layout.data());
  check_shared_rows(config, layout.context());
  check_shared_tokens(config, layout);
}

int64_t length_unit(const RunConfig& config, const parallel::MeshLayout& layout) {
  const int64_t chunks = layout.context() > 1 ? 2 * layout.context() : 1;
  return config.parallel.sequence ? chunks * layout.tensor() : chunks;
}

void check_model_fits(const RunConfig& config, const model::ModelConfig& model,
                      const parallel::MeshLayout& layout, const std::string& whose) {
  check_heads(model, layout, whose);
  check_layers(config, model, layout, whose);
}

parallel::Schedule schedule_of_step(const RunConfig& config, const parallel::MeshLayout& layout,
                                    int64_t rows) {
  const int64_t pass = config.batch.micro * layout.data(), microbatches = (rows + pass - 1) / pass;
  return parallel::make_schedule(config.parallel.schedule,
                                 {layout.pipeline(), static_cast<int>(config.parallel.chunks),
                                  static_cast<int>(microbatches)});
}

}  // namespace strata::trainer
