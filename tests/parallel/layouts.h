// Every way to lay the ranks of an MPI test out over the axes.
#pragma once

#include <memory>
#include <vector>

#include "parallel/comm/communicator.h"
#include "parallel/comm/world.h"
#include "parallel/mesh/context.h"
#include "parallel/mesh/layout.h"

namespace strata::tests {

inline std::vector<parallel::MeshLayout> layouts_of(int ranks) {
  std::vector<parallel::MeshLayout> layouts;
  for (int tensor = 1; tensor <= ranks; ++tensor) {
    for (int context = 1; context <= ranks; ++context) {
      for (int data = 1; data <= ranks; ++data) {
        const int rest = tensor * context * data;
        if (ranks % rest == 0) layouts.emplace_back(tensor, context, data, ranks / rest);
      }
    }
  }
  return layouts;
}

inline std::vector<parallel::MeshLayout> layouts_of_world() {
  return layouts_of(parallel::make_mpi_world()->size());
}

/// Collective over the world.
inline std::unique_ptr<parallel::ParallelContext> context_of(const parallel::MeshLayout& layout) {
  return std::make_unique<parallel::ParallelContext>(parallel::make_mpi_world(), layout);
}

}  // namespace strata::tests
