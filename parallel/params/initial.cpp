#include "parallel/params/initial.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "kernels/threads.h"
#include "parallel/params/shard_spec.h"

namespace strata::parallel {
namespace {

void fill_run(float* out, const Run& run, const ParamSpec& spec, uint64_t key) {
  const auto scale = static_cast<float>(spec.scale);
  switch (spec.init) {
    case Init::kNormal:
      return base::fill_normal(out, run.count, key, run.global, 0, scale);
    case Init::kUniform:
      return base::fill_uniform(out, run.count, key, run.global, -scale, scale);
    case Init::kOnes:
      return void(std::fill_n(out, run.count, 1.0f));
    case Init::kZeros:
      return void(std::fill_n(out, run.count, 0.0f));
  }
  throw base::InternalError("an initialisation of another kind");
}

}  // namespace

void fill_initial(at::Tensor& local, const ParamSpec& spec, const std::string& name,
                  uint64_t seed) {
  // The threads share local elements, not runs: a shard may be one long run or very many short
  // ones.
  constexpr int64_t kGrain = 64 * 1024;
  const uint64_t key = base::stream_key(seed, name);
  const std::vector<Run> runs = runs_of(spec.shard);
  auto* out = local.data_ptr<float>();
  kernels::parallel_for(0, local.numel(), kGrain, [&](int64_t begin, int64_t end) {
    auto run = std::ranges::upper_bound(runs, begin, {}, &Run::local) - 1;
    for (int64_t at = begin; at < end; ++run) {
      const int64_t skip = at - run->local, count = std::min(run->count - skip, end - at);
      fill_run(out + at, {.local = at, .global = run->global + skip, .count = count}, spec, key);
      at += count;
    }
  });
}

}  // namespace strata::parallel
