#include "model/architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "model/arch/rows.h"

namespace strata::model {
namespace {

constexpr const Architecture* kTable[] = {&kGpt2, &kLlama, &kMistral, &kQwen2};

}  // namespace

std::span<const Architecture* const> architectures() { return kTable; }

std::vector<std::string> architecture_names() {
  std::vector<std::string> names;
  for (const Architecture* row : kTable) names.emplace_back(row->name);
  return names;
}

const Architecture& architecture_of(std::string_view name) {
  for (const Architecture* row : kTable) {
    if (row->name == name) return *row;
  }
  const auto names = architecture_names();
  throw base::UserError(base::kBadUsage,
                        fmt::format("architecture '{}' is not supported; there are {}{}", name,
                                    fmt::join(names, ", "), base::did_you_mean(name, names)));
}

std::vector<HfTensor> folder_tensors(const ModelConfig& config, HeadKind head) {
  std::vector<HfTensor> tensors = architecture_of(config.architecture).tensors(config);
  if (head == HeadKind::kScalar) {
    tensors.push_back({.there = "score.weight", .here = "head.weight", .shape = {1, config.width}});
  } else if (!config.tied_embeddings) {
    tensors.push_back({.there = "lm_head.weight",
                       .here = "head.weight",
                       .shape = {config.vocabulary(), config.width}});
  }
  return tensors;
}

}  // namespace strata::model
