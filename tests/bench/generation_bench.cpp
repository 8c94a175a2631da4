// Tokens a second of the sampler: one rank, then its model cut over the ranks that the benchmark
// was started on, along the tensor and along the pipeline axis. One thread a rank. By hand:
//   ninja generation_bench && tests/support/mpirun.sh 2 build/tests/bench/generation_bench
// The model is a small llama (6 layers, width 256, vocabulary 4,096), 64 prompts of 8 tokens are
// continued by 64; the best of three rounds.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/allocator.h"
#include "kernels/host_memory.h"
#include "model/generator.h"
#include "parallel/comm/world.h"
#include "tests/model/tiny.h"

namespace strata {
namespace {

constexpr int64_t kPrompts = 64, kPromptTokens = 8, kNewTokens = 64;

double seconds_of_answers(const model::Decoder& decoder) {
  std::vector<std::vector<int32_t>> prompts;
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < kPrompts; ++i) {
    const at::Tensor ids = tests::random_ids(1, kPromptTokens, 4096, i + 1);
    const int64_t* id = ids.const_data_ptr<int64_t>();
    prompts.emplace_back(id, id + kPromptTokens);
    numbers.push_back(i);
  }
  const auto start = std::chrono::steady_clock::now();
  model::Generator(decoder).generate(prompts, numbers, {.max_new_tokens = kNewTokens});
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double tokens_per_second(const parallel::ParallelContext& context) {
  const tests::TinyModel tiny(context, tests::small_llama());
  double best = seconds_of_answers(tiny.decoder);
  for (int round = 1; round < 3; ++round) best = std::min(best, seconds_of_answers(tiny.decoder));
  return kPrompts * kNewTokens / best;
}

int print_table(parallel::Communicator& world) {
  at::set_num_threads(1);
  const int ranks = world.size();
  const bool speaks = world.rank() == 0;
  double alone = 0;
  if (speaks) {
    alone = tokens_per_second(*parallel::make_single_context());
    fmt::print(
        "| {} ranks | tokens/s | of one rank |\n|---|---|---|\n| one rank | {:.0f} | 1.00 |\n",
        ranks, alone);
  }
  const std::pair<const char*, parallel::MeshLayout> cuts[] = {
      {"tensor", parallel::MeshLayout(ranks, 1, 1, 1)},
      {"pipeline", parallel::MeshLayout(1, 1, 1, ranks)}};
  for (const auto& [name, layout] : cuts) {
    const parallel::ParallelContext context(world.split(0, world.rank(), name), layout);
    const double rate = tokens_per_second(context);
    if (speaks) fmt::print("| {} {} | {:.0f} | {:.2f} |\n", name, ranks, rate, rate / alone);
  }
  return 0;
}

}  // namespace
}  // namespace strata

int main() {
  strata::base::tune_allocator();
  strata::kernels::reuse_host_memory();
  return strata::parallel::run_in_world(strata::print_table);
}
