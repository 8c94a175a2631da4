// A model of bare parameters, cut over any layout, and gradients for it that are known in advance:
// small multiples of 1/16, so that every sum of them is exact in fp32 whatever its order. What one
// rank computes and what any layout computes must then agree to the last bit.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "parallel/mesh/context.h"
#include "parallel/params/grad_sink.h"
#include "parallel/params/param_store.h"

namespace strata::tests {

namespace sp = strata::parallel;

/// The cuts of the toy's parameters on one rank of the tensor axis.
inline sp::ShardSpec toy_heads(int rank, int ranks) {
  // Two pieces along dim 0: 8 query rows, evenly cut, then 2 key rows, each on ranks / 2 ranks
  // where there are more than two.
  const sp::Range q = sp::even_share(8, rank, ranks);
  if (ranks <= 2 || ranks % 2 != 0) {
    const sp::Range k = sp::even_share(2, rank, ranks);
    return {{10, 3}, 0, {q, {8 + k.begin, 8 + k.end}}};
  }
  const int copies = ranks / 2, head = rank / copies;
  return {{10, 3}, 0, {q, {8 + head, 9 + head, rank % copies, copies}}};
}

/// Declares this stage's parameters: layer l lives on stage l * stages / layers, embedding first,
/// tied head last.
inline void add_toy_params(sp::ParamStore& store, int layers = 4) {
  const sp::ParallelContext& context = store.context();
  const int t = context.coord().tensor, ranks = context.layout().tensor();
  const int stage = context.coord().pipeline, stages = context.layout().pipeline();
  const auto whole = [&](std::vector<int64_t> shape) {
    return sp::replicated(std::move(shape), t, ranks);
  };
  const auto norm = [&](std::vector<int64_t> shape) {
    return sp::ParamSpec{.shard = whole(std::move(shape)),
                         .init = sp::Init::kOnes,
                         .decays = false,
                         .sum_over_tensor = true};
  };

  store.begin_block(0);
  if (stage == 0)
    store.add("embedding.weight",
              {.shard = sp::cut_evenly({13, 6}, 0, t, ranks), .uses = stages == 1 ? 2 : 1});
  for (int l = 0; l < layers; ++l) {
    if (l * stages / layers != stage) continue;
    store.begin_block(1 + l);
    const std::string layer = "layers." + std::to_string(l) + ".";
    store.add(layer + "norm.weight", norm({6}));
    store.add(layer + "qkv.weight", {.shard = toy_heads(t, ranks), .scale = 0.5});
    store.add(
        layer + "up.weight",
        {.shard = sp::cut_evenly({7, 6}, 0, t, ranks), .init = sp::Init::kUniform, .scale = 0.3});
    store.add(
        layer + "up.bias",
        {.shard = sp::cut_evenly({7}, 0, t, ranks), .init = sp::Init::kZeros, .decays = false});
    store.add(layer + "down.weight", {.shard = sp::cut_evenly({6, 9}, 1, t, ranks)});
    store.add(layer + "down.bias",
              {.shard = whole({6}), .init = sp::Init::kZeros, .decays = false});
    store.add(layer + "frozen.weight", {.shard = whole({5}), .trainable = false});
    store.add(layer + "unused.weight", {.shard = whole({4}), .trainable = true});
  }
  store.begin_block(1 + layers);
  if (stage == stages - 1) store.add("final.weight", norm({6}));
  if (stage == stages - 1 && stages > 1) {
    store.add("head.weight",
              {.shard = sp::cut_evenly({13, 6}, 0, t, ranks), .tied_to = "embedding.weight"});
  }
}

/// What one sample gives one use of a parameter as gradient: the whole tensor, multiples of 1/16 in
/// [-1/2, 1/2].
inline std::vector<float> toy_gradient(const std::string& owner, int step, int sample, int use,
                                       int64_t size) {
  std::vector<float> grad(static_cast<size_t>(size));
  const uint64_t key =
      base::stream_key(static_cast<uint64_t>(step * 1000 + sample * 2 + use), owner);
  for (size_t i = 0; i < grad.size(); ++i) {
    grad[i] = static_cast<float>(static_cast<int>(base::philox(key, i)[0] % 17) - 8) / 16;
  }
  return grad;
}

/// Adds one sample's gradients of this rank's shards, last parameter first, as backward does.
inline void add_toy_gradients(const sp::ParamStore& store, sp::GradSink& sink, int step,
                              int sample) {
  for (auto i = static_cast<int32_t>(store.params().size()); i-- > 0;) {
    const sp::Param& param = store[sp::ParamId{i}];
    if (param.name.find("unused") != std::string::npos) continue;
    const bool is_head = !param.spec.tied_to.empty();
    for (int use = param.spec.uses; use-- > 0;) {
      const std::vector<float> whole =
          toy_gradient(is_head ? param.spec.tied_to : param.name, step, sample, is_head ? 1 : use,
                       param.spec.shard.global_size());
      at::Tensor local = at::empty(param.spec.shard.local_shape(), at::kFloat);
      const bool is_cut = local.numel() < param.spec.shard.global_size();
      for (const sp::Run& run : sp::runs_of(param.spec.shard)) {
        for (int64_t e = 0; e < run.count; ++e) {
          // Copies that must be summed hold disjoint parts of the gradient; others all hold the
          // whole of it.
          const int64_t element = run.global + e;
          const bool in_parts = param.spec.sum_over_tensor || (run.copies > 1 && is_cut);
          const bool ours = !in_parts || (element + sample) % run.copies == run.copy;
          local.data_ptr<float>()[run.local + e] = ours ? whole[static_cast<size_t>(element)] : 0;
        }
      }
      sink.add(sp::ParamId{i}, local);
    }
  }
}

}  // namespace strata::tests
