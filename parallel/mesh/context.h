// The communicators along every set of axes of a mesh, made once at the start and passed by
// reference: there is no global one. Knows the layout and the door (comm/communicator.h), not what
// is sent.
#pragma once

#include <memory>
#include <vector>

#include "parallel/comm/communicator.h"
#include "parallel/mesh/layout.h"

namespace strata::parallel {

class ParallelContext {
 public:
  /// Collective over `world`. `layout` has exactly world->size() ranks (InternalError else).
  ParallelContext(std::unique_ptr<Communicator> world, MeshLayout layout);
  ~ParallelContext();
  ParallelContext(const ParallelContext&) = delete;
  ParallelContext& operator=(const ParallelContext&) = delete;

  /// The group of this rank along these axes, in rank order; any set is there. Sets that differ
  /// only in axes of length one give the same group; all axes give world(); none gives a group of
  /// one.
  Communicator& along(AxisSet axes) const;
  /// The ranks that hold the same weights: data x context.
  Communicator& gradients() const { return along(kGradientAxes); }
  /// First and last stage, for tied embeddings; a group of one on the stages between and where
  /// there is one stage.
  Communicator& embedding_ends() const { return *embedding_ends_; }
  Communicator& world() const { return *world_; }

  const MeshLayout& layout() const { return layout_; }
  int rank() const { return world_->rank(); }
  Coord coord() const { return coord_; }
  bool is_first_stage() const { return coord_.pipeline == 0; }
  bool is_last_stage() const { return coord_.pipeline + 1 == layout_.pipeline(); }
  /// The memory that tensors of this context live in.
  c10::Device device() const { return world_->device(); }

 private:
  std::unique_ptr<Communicator> world_;
  MeshLayout layout_;
  Coord coord_;
  std::vector<std::unique_ptr<Communicator>>
      by_axes_;  // [AxisSet]; null where the set is trivial or all
  std::unique_ptr<Communicator> alone_;
  std::unique_ptr<Communicator> embedding_ends_;
};

/// A world of one rank: what tests and single-process commands pass on.
std::unique_ptr<ParallelContext> make_single_context();

}  // namespace strata::parallel
