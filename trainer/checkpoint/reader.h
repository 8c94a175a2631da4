// Reads checkpoints into models on any layout: every rank takes its pieces out of the mapped files,
// whatever layout wrote them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "parallel/mesh/context.h"
#include "trainer/checkpoint/manifest.h"
#include "trainer/checkpoint/model.h"

namespace strata::trainer {

class CheckpointReader {
 public:
  /// UserError (kBadCheckpoint) where the manifest is damaged. Contents are taken as they are:
  /// find_checkpoint verifies them.
  explicit CheckpointReader(const std::filesystem::path& folder);
  ~CheckpointReader();

  int64_t step() const { return manifest_.step; }
  const std::string& run_state() const { return run_state_; }
  const Manifest& manifest() const { return manifest_; }

  /// Fills masters, values and the optimizer's state and count of updates. UserError
  /// (kBadCheckpoint) on every rank where a tensor is missing, has another shape, or is left over.
  /// Collective.
  void read(const CheckpointModel& model) const;
  /// Fills the values of a model that starts from this one: all but adapters, and the head only
  /// `with_head`. Collective.
  void read_base(parallel::ParamStore& params, bool with_head) const;

  bool has_parameter(const std::string& name) const;
  /// A whole parameter, fp32 on the CPU, over mapped bytes that nobody writes to; valid while the
  /// reader lives. UserError (kBadCheckpoint) where it is missing.
  at::Tensor parameter(const std::string& name) const;

 private:
  struct Tensors;
  void take_pieces(const CheckpointModel& model) const;
  int64_t stored_parameters(const std::string& prefix) const;
  static int64_t owned_parameters(const CheckpointModel& model);

  std::filesystem::path folder_;
  Manifest manifest_;
  std::string run_state_;
  std::unique_ptr<Tensors> tensors_;
};

/// Where `warn` gets a line per damaged checkpoint that was passed over.
using Warn = std::function<void(std::string_view)>;

/// The checkpoint that PATH means: itself, or as a run its newest sound one; nothing where the run
/// has none at all. Every byte is verified, the ranks sharing the work. UserError (kBadCheckpoint)
/// where there are checkpoints and none is sound. Collective.
std::optional<std::filesystem::path> find_checkpoint(const std::filesystem::path& path,
                                                     const parallel::ParallelContext& context,
                                                     const Warn& warn);

}  // namespace strata::trainer
