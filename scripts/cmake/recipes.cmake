# strata_embed_recipes(TARGET NAME...) compiles every file of configs/NAME into TARGET, as the table
# of trainer/cli/recipes.h: an installed binary needs no source tree. A changed file makes CMake run
# again.
function(strata_embed_recipes target)
  set(rows "")
  foreach(recipe ${ARGN})
    file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/configs/${recipe}
         ${CMAKE_SOURCE_DIR}/configs/${recipe}/*)
    foreach(file ${files})
      set(path ${CMAKE_SOURCE_DIR}/configs/${recipe}/${file})
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
      file(READ ${path} content)
      string(APPEND rows "    {\"${recipe}\", \"${file}\", R\"recipe(${content})recipe\"},\n")
    endforeach()
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/recipes.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT [[
// Made by scripts/cmake/recipes.cmake.
#include "trainer/cli/recipes.h"

namespace strata::trainer {

std::span<const RecipeFile> recipe_files() {
  static constexpr RecipeFile kFiles[] = {
@rows@  };
  return kFiles;
}

}  // namespace strata::trainer
]] @ONLY)
  target_sources(${target} PRIVATE ${source})
endfunction()
