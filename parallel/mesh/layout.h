// Where each rank sits in the mesh of axes: pure arithmetic without communication, testable in one
// process. Rank order: tensor fastest, then context, data, and pipeline slowest. Neighbouring ranks
// share a node and its fast links, so the axis that talks most (tensor: several times a layer) lies
// innermost and the one that talks least (pipeline: one boundary a microbatch) crosses nodes. Knows
// nothing of models: what divides what there is checked elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/mesh/config.h"

namespace strata::parallel {

enum class Axis : uint8_t { kTensor = 1, kContext = 2, kData = 4, kPipeline = 8 };

/// A set of axes: kTensorAxis | kDataAxis ...
using AxisSet = uint8_t;
inline constexpr AxisSet kNoAxes = 0, kTensorAxis = 1, kContextAxis = 2, kDataAxis = 4,
                         kPipelineAxis = 8;
/// Ranks that hold the same weights and see other tokens: gradients are summed over these.
inline constexpr AxisSet kGradientAxes = kDataAxis | kContextAxis;
/// Ranks that hold pieces of one copy of the model.
inline constexpr AxisSet kModelAxes = kTensorAxis | kPipelineAxis;
inline constexpr AxisSet kAllAxes = 15;

/// "data+context", "none", "world" for all four.
std::string axes_name(AxisSet axes);

struct Coord {
  int tensor = 0, context = 0, data = 0, pipeline = 0;
  bool operator==(const Coord&) const = default;
};

class MeshLayout {
 public:
  /// Sizes of the axes, each >= 1. `expert` divides data x context: expert groups are cut out of
  /// it, no further factor.
  MeshLayout(int tensor, int context, int data, int pipeline, int expert = 1);
  MeshLayout() : MeshLayout(1, 1, 1, 1) {}

  int tensor() const { return tensor_; }
  int context() const { return context_; }
  int data() const { return data_; }
  int pipeline() const { return pipeline_; }
  int expert() const { return expert_; }
  int size_along(AxisSet axes) const;  ///< product of the sizes of these axes
  int world_size() const { return size_along(kAllAxes); }

  Coord coord_of(int rank) const;
  int rank_of(Coord coord) const;
  /// The ranks that differ from `rank` in these axes alone, itself among them, ascending.
  std::vector<int> peers(AxisSet axes, int rank) const;
  /// The place of `rank` among peers(axes, rank).
  int index_along(AxisSet axes, int rank) const;
  /// The ranks of one expert group: `expert` neighbours along data x context.
  std::vector<int> expert_peers(int rank) const;
  /// First and last stage of `rank`'s pipeline where it is one of them, else `rank` alone (tied
  /// embeddings).
  std::vector<int> embedding_ends(int rank) const;
  /// The axes of `axes` that are longer than one: sets that name the same group become equal.
  AxisSet without_trivial(AxisSet axes) const;

  /// Who sits where, for the log: a line per pipeline stage and data rank.
  std::string table() const;
  /// "tensor 2 x context 1 x data 2 x pipeline 1"
  std::string summary() const;

  bool operator==(const MeshLayout&) const = default;

 private:
  int tensor_, context_, data_, pipeline_, expert_;
};

/// The layout that the config asks for on this many ranks; `data: auto` takes what the other axes
/// leave. UserError (kBadUsage) that names parallel.KEY and the legal values where they do not fit.
MeshLayout resolve_layout(const ParallelConfig& config, int world_size);

}  // namespace strata::parallel
