// The files that `strata init` writes, carried inside the binary: CMake embeds the folders of
// configs/ that trainer/CMakeLists.txt names (scripts/cmake/recipes.cmake).
#pragma once

#include <span>
#include <string_view>

namespace strata::trainer {

struct RecipeFile {
  std::string_view recipe;  ///< "tiny"
  std::string_view path;    ///< inside the folder to be made: "text/ruth.jsonl"
  std::string_view content;
};

/// Every file of every recipe, those of one recipe side by side.
std::span<const RecipeFile> recipe_files();

}  // namespace strata::trainer
