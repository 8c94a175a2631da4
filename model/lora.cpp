#include "model/lora.h"

#include <ATen/ops/matmul.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "model/architecture.h"

namespace strata::model {
namespace {

/// The features of each adapted weight of a layer, in their order, as `lora.targets` calls them.
struct Adapted {
  std::string_view weight;  ///< end of its name
  std::vector<std::string> features;
};

const std::vector<Adapted>& adapted_weights() {
  static const std::vector<Adapted> weights{{".attention.qkv.weight", {"q", "k", "v"}},
                                            {".attention.out.weight", {"o"}},
                                            {".mlp.gate_up.weight", {"gate", "up"}},
                                            {".mlp.up.weight", {"up"}},
                                            {".mlp.down.weight", {"down"}}};
  return weights;
}

const Adapted* adapted(const std::string& weight) {
  const auto found = std::ranges::find_if(
      adapted_weights(), [&](const Adapted& one) { return weight.ends_with(one.weight); });
  return found == adapted_weights().end() ? nullptr : &*found;
}

/// "layers.3.attention." of "layers.3.attention.qkv.weight".
std::string before_layer(const std::string& weight) {
  const size_t end = weight.rfind('.');
  return weight.substr(0, weight.rfind('.', end - 1) + 1);
}

/// "qkv" of "layers.3.attention.qkv.weight".
std::string layer_name(const std::string& weight) {
  const size_t begin = before_layer(weight).size();
  return weight.substr(begin, weight.rfind('.') - begin);
}

/// A tensor of a folder that an adapter can sit beside, with the features it makes.
struct Adaptable {
  HfTensor tensor;
  std::vector<std::string> features;
};

/// Either each of a weight's features is a tensor there, or all of them are one.
std::vector<Adaptable> adaptable_tensors(const ModelConfig& config) {
  const std::vector<HfTensor> tensors = folder_tensors(config, HeadKind::kLanguage);
  std::map<std::string, size_t> pieces, seen;  // of each weight here
  for (const HfTensor& tensor : tensors) ++pieces[tensor.here];
  std::vector<Adaptable> adaptable;
  for (const HfTensor& tensor : tensors) {
    const Adapted* weight = adapted(tensor.here);
    if (!weight) continue;
    const size_t piece = seen[tensor.here]++;
    if (pieces[tensor.here] == 1) {
      adaptable.push_back({tensor, weight->features});
    } else {
      adaptable.push_back({tensor, {weight->features.at(piece)}});
    }
  }
  return adaptable;
}

LoraPlace place_of(const Adaptable& one) {
  constexpr std::string_view kWeight = ".weight";
  const HfTensor& tensor = one.tensor;
  const size_t rows = tensor.transposed ? 1 : 0;
  const bool is_whole = one.features.size() > 1;
  return {.name = before_layer(tensor.here) +
                  (is_whole ? layer_name(tensor.here) : one.features.front()),
          .weight = tensor.here,
          .first_row = tensor.first_row,
          .out = tensor.shape[rows],
          .in = tensor.shape[1 - rows],
          .module_there = tensor.there.substr(0, tensor.there.size() - kWeight.size()),
          .transposed = tensor.transposed};
}

}  // namespace

bool LoraConfig::wants(const std::string& target) const {
  return std::ranges::find(targets, target) != targets.end();
}

std::vector<std::string> lora_targets(const ModelConfig& config) {
  std::vector<std::string> targets;
  for (const Adaptable& one : adaptable_tensors(config)) {
    for (const std::string& feature : one.features) {
      if (std::ranges::find(targets, feature) == targets.end()) targets.push_back(feature);
    }
  }
  return targets;
}

std::vector<LoraPlace> lora_places(const ModelConfig& config, const LoraConfig& lora) {
  if (lora.rank == 0) return {};
  const std::vector<std::string> known = lora_targets(config);
  for (const std::string& target : lora.targets) {
    if (std::ranges::find(known, target) != known.end()) continue;
    throw base::UserError(base::kBadUsage,
                          fmt::format("lora.targets: {} has no layer '{}'; it has {}",
                                      config.architecture, target, fmt::join(known, ", ")));
  }
  std::vector<LoraPlace> places;
  for (const Adaptable& one : adaptable_tensors(config)) {
    if (std::ranges::any_of(one.features, [&](const auto& name) { return lora.wants(name); }))
      places.push_back(place_of(one));
  }
  return places;
}

void add_adapters(at::Tensor& whole, const std::string& weight,
                  const std::vector<LoraPlace>& places, double scale, const FetchAdapter& fetch) {
  for (const LoraPlace& place : places) {
    if (place.weight != weight) continue;
    const at::Tensor a = fetch(place.name + ".lora_a"), b = fetch(place.name + ".lora_b");
    whole.narrow(0, place.first_row, place.out).add_(at::matmul(b, a), scale);
  }
}

}  // namespace strata::model
