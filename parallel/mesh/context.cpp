#include "parallel/mesh/context.h"

#include "base/error.h"
#include "parallel/comm/world.h"

namespace strata::parallel {
namespace {

// Pipelines and the ring of a context send messages that must not wait for one another.
GroupUse use_of(AxisSet axes) {
  return axes == kPipelineAxis || axes == kContextAxis ? GroupUse::kMessages
                                                       : GroupUse::kCollectives;
}

}  // namespace

ParallelContext::ParallelContext(std::unique_ptr<Communicator> world, MeshLayout layout)
    : world_(std::move(world)), layout_(layout), by_axes_(kAllAxes + 1) {
  base::ensure(layout_.world_size() == world_->size(), "a mesh of another number of ranks");
  const int rank = world_->rank();
  coord_ = layout_.coord_of(rank);

  // A group is named by its first rank: a colour that its members, and no others, agree on.
  const auto split = [&](const std::vector<int>& members, std::string name, GroupUse use) {
    return world_->split(members.front(), rank, std::move(name), use);
  };
  const AxisSet everything = layout_.without_trivial(kAllAxes);
  for (AxisSet axes = 1; axes < kAllAxes; ++axes) {
    if (axes != layout_.without_trivial(axes)) continue;
    if (axes == everything && use_of(axes) == GroupUse::kCollectives) continue;
    by_axes_[axes] = split(layout_.peers(axes, rank), axes_name(axes), use_of(axes));
  }
  alone_ = split({rank}, "none", GroupUse::kCollectives);
  embedding_ends_ = split(layout_.embedding_ends(rank), "embedding ends", GroupUse::kCollectives);
}

ParallelContext::~ParallelContext() = default;

Communicator& ParallelContext::along(AxisSet axes) const {
  const AxisSet longer = layout_.without_trivial(axes);
  if (longer == kNoAxes) return *alone_;
  const auto& group = by_axes_[longer];
  return group != nullptr ? *group : *world_;
}

std::unique_ptr<ParallelContext> make_single_context() {
  return std::make_unique<ParallelContext>(make_self(), MeshLayout());
}

}  // namespace strata::parallel
