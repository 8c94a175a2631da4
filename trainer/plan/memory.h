// How much memory a rank will need for the model that it trains, by arithmetic alone. An estimate
// for choosing a layout: parts that are cut are taken as cut evenly, and a process without a model
// (about 0.2 GiB), frozen models and a critic are not counted.
#pragma once

#include "model/config.h"
#include "parallel/mesh/layout.h"

namespace strata::trainer {

struct RunConfig;

/// Bytes on the fullest rank.
struct MemoryEstimate {
  double parameters, gradients, optimizer, activations;
  double total() const { return parameters + gradients + optimizer + activations; }
};

/// `in_flight` micro-batches keep their activations at once (the schedule's peak).
MemoryEstimate estimate_memory(const RunConfig& config, const model::ModelConfig& model,
                               const parallel::MeshLayout& layout, int in_flight);

}  // namespace strata::trainer
