#include "parallel/mesh/layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace strata::parallel {
namespace {

struct NamedAxis {
  AxisSet axis;
  const char* name;
  int Coord::*place;
};
constexpr NamedAxis kAxes[] = {{kTensorAxis, "tensor", &Coord::tensor},  // fastest first
                               {kContextAxis, "context", &Coord::context},
                               {kDataAxis, "data", &Coord::data},
                               {kPipelineAxis, "pipeline", &Coord::pipeline}};

std::vector<int64_t> divisors(int64_t number) {
  std::vector<int64_t> found;
  for (int64_t d = 1; d <= number; ++d) {
    if (number % d == 0) found.push_back(d);
  }
  return found;
}

[[noreturn]] void refuse_layout(const char* key, int64_t value, const std::string& why) {
  throw base::UserError(base::kBadUsage, fmt::format("parallel.{}: {} {}", key, value, why));
}

}  // namespace

std::string axes_name(AxisSet axes) {
  if (axes == kNoAxes) return "none";
  if (axes == kAllAxes) return "world";
  std::string name;
  for (const NamedAxis& axis : kAxes) {
    if ((axes & axis.axis) == 0) continue;
    if (!name.empty()) name += '+';
    name += axis.name;
  }
  return name;
}

MeshLayout::MeshLayout(int tensor, int context, int data, int pipeline, int expert)
    : tensor_(tensor), context_(context), data_(data), pipeline_(pipeline), expert_(expert) {
  base::ensure(std::min({tensor, context, data, pipeline, expert}) >= 1,
               "an axis of the mesh shorter than one");
  base::ensure(context * data % expert == 0, "expert groups that do not divide data x context");
}

int MeshLayout::size_along(AxisSet axes) const {
  const int sizes[] = {tensor_, context_, data_, pipeline_};
  int product = 1;
  for (size_t i = 0; i < std::size(kAxes); ++i) {
    if ((axes & kAxes[i].axis) != 0) product *= sizes[i];
  }
  return product;
}

Coord MeshLayout::coord_of(int rank) const {
  Coord coord;
  for (const NamedAxis& axis : kAxes) {
    coord.*axis.place = rank % size_along(axis.axis);
    rank /= size_along(axis.axis);
  }
  return coord;
}

int MeshLayout::rank_of(Coord coord) const {
  return ((coord.pipeline * data_ + coord.data) * context_ + coord.context) * tensor_ +
         coord.tensor;
}

std::vector<int> MeshLayout::peers(AxisSet axes, int rank) const {
  const Coord own = coord_of(rank);
  std::vector<int> found;
  for (int other = 0; other < world_size(); ++other) {
    const Coord coord = coord_of(other);
    const bool fits = std::all_of(std::begin(kAxes), std::end(kAxes), [&](const NamedAxis& axis) {
      return (axes & axis.axis) != 0 || coord.*axis.place == own.*axis.place;
    });
    if (fits) found.push_back(other);
  }
  return found;
}

int MeshLayout::index_along(AxisSet axes, int rank) const {
  const Coord own = coord_of(rank);
  int index = 0;
  for (size_t i = std::size(kAxes); i-- > 0;) {
    if ((axes & kAxes[i].axis) != 0)
      index = index * size_along(kAxes[i].axis) + own.*kAxes[i].place;
  }
  return index;
}

std::vector<int> MeshLayout::expert_peers(int rank) const {
  const std::vector<int> replicas = peers(kGradientAxes, rank);
  const int group = index_along(kGradientAxes, rank) / expert_;
  return {replicas.begin() + group * expert_, replicas.begin() + (group + 1) * expert_};
}

std::vector<int> MeshLayout::embedding_ends(int rank) const {
  const std::vector<int> stages = peers(kPipelineAxis, rank);
  if (stages.size() > 1 && (rank == stages.front() || rank == stages.back())) {
    return {stages.front(), stages.back()};
  }
  return {rank};
}

AxisSet MeshLayout::without_trivial(AxisSet axes) const {
  for (const NamedAxis& axis : kAxes) {
    if (size_along(axis.axis) == 1) axes = static_cast<AxisSet>(axes & ~axis.axis);
  }
  return axes;
}

std::string MeshLayout::summary() const {
  return fmt::format("tensor {} x context {} x data {} x pipeline {}", tensor_, context_, data_,
                     pipeline_);
}

std::string MeshLayout::table() const {
  std::string lines = fmt::format("{} ranks: {}\n", world_size(), summary());
  for (int stage = 0; stage < pipeline_; ++stage) {
    for (int data = 0; data < data_; ++data) {
      const int first = rank_of({.tensor = 0, .context = 0, .data = data, .pipeline = stage});
      lines += fmt::format("  stage {} data {}:", stage, data);
      for (int context = 0; context < context_; ++context) {
        std::vector<int> ranks;
        for (int tensor = 0; tensor < tensor_; ++tensor) {
          ranks.push_back(first + context * tensor_ + tensor);
        }
        lines += fmt::format(" [{}]", fmt::join(ranks, " "));
      }
      lines += '\n';
    }
  }
  return lines;
}

MeshLayout resolve_layout(const ParallelConfig& config, int world_size) {
  if (config.expert != 1) {
    refuse_layout("expert", config.expert, "is not there yet: leave it at 1");
  }
  // 1. Each axis divides what the axes before it leave of the ranks.
  int64_t left = world_size;
  std::string taken;
  const std::pair<const char*, int64_t> axes[] = {
      {"tensor", config.tensor}, {"context", config.context}, {"pipeline", config.pipeline}};
  for (const auto& [key, size] : axes) {
    if (size < 1 || left % size != 0) {
      refuse_layout(
          key, size,
          fmt::format("does not divide the {} {} {}; parallel.{} may be one of {}", left,
                      left == 1 ? "rank" : "ranks", taken.empty() ? "started" : "left by" + taken,
                      key, fmt::join(divisors(left), ", ")));
    }
    if (size > 1) taken += fmt::format(" {} {}", key, size);
    left /= size;
  }
  // 2. The data axis takes the rest, and all of it.
  if (config.data && *config.data != left) {
    refuse_layout(
        "data", *config.data,
        fmt::format("x tensor {} x context {} x pipeline {} is {} ranks, but {} were started; "
                    "parallel.data may be {} or auto",
                    config.tensor, config.context, config.pipeline,
                    *config.data * config.tensor * config.context * config.pipeline, world_size,
                    left));
  }
  return {static_cast<int>(config.tensor), static_cast<int>(config.context), static_cast<int>(left),
          static_cast<int>(config.pipeline), static_cast<int>(config.expert)};
}

}  // namespace strata::parallel
