// strata init: commented configs for a model's life, written where the user wants them. Knows no
// recipe by name: what there is comes with the binary (recipes.h).
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/cli/recipes.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;
using base::UserError;

std::vector<RecipeFile> files_of_recipe(const std::string& name) {
  std::vector<RecipeFile> files;
  std::vector<std::string> names;
  for (const RecipeFile& file : recipe_files()) {
    if (file.recipe == name) files.push_back(file);
    if (names.empty() || names.back() != file.recipe) names.emplace_back(file.recipe);
  }
  if (files.empty()) {
    throw UserError(base::kBadUsage,
                    fmt::format("there is no recipe '{}'{}; there is: {}", name,
                                base::did_you_mean(name, names), fmt::join(names, ", ")));
  }
  return files;
}

}  // namespace

void init_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const fs::path folder = call.args.positional()[0];
  const std::vector<RecipeFile> files = files_of_recipe(call.args.value("recipe", "tiny"));
  for (const RecipeFile& file : files) {
    if (fs::exists(folder / file.path)) {
      throw UserError(base::kBadUsage,
                      fmt::format("{} is there already, and is not written over: name a new folder",
                                  (folder / file.path).string()));
    }
  }
  for (const RecipeFile& file : files) base::write_file(folder / file.path, file.content);
  for (const RecipeFile& file : files) fmt::print("{}\n", (folder / file.path).string());
  fmt::print("\nNext: cd {}, and the commands of its README.md in order.\n", folder.string());
}

}  // namespace strata::trainer
