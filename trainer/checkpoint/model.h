// What a checkpoint holds of one model, for the writer and the reader.
#pragma once

#include <string>

namespace strata::parallel {
class DistributedOptimizer;
class ParamStore;
}  // namespace strata::parallel

namespace strata::trainer {

/// Trained parameters (fp32 masters) and, where there is an optimizer, its state. Frozen parameters
/// are not part of a checkpoint: they come from where they came from.
struct CheckpointModel {
  std::string prefix;  ///< before every tensor's name: "" for the only model, "policy/", "critic/"
  parallel::ParamStore* params = nullptr;
  parallel::DistributedOptimizer* optimizer = nullptr;  ///< nullptr: parameters alone
};

}  // namespace strata::trainer
