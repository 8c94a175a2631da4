// Idle time and kept activations of every schedule, as check() predicts them and as they come out.
// By hand, a table for the ranks that it was started on, each of them a stage:
//   ninja pipeline_bench && tests/support/mpirun.sh 4 build/tests/bench/pipeline_bench
//   tests/support/mpirun.sh 2 build/tests/bench/pipeline_bench train
// A stage sleeps instead of computing, so that more stages than cores make sense; with `train` it
// is a part of a small llama (6 layers, width 256, vocabulary 4,096) on 16 rows of 256 tokens.
#include <ATen/Parallel.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <string_view>
#include <thread>

#include "base/allocator.h"
#include "kernels/host_memory.h"
#include "parallel/comm/collectives.h"
#include "parallel/comm/world.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/pipeline/executor.h"
#include "tests/model/tiny.h"
#include "trainer/engine/model_stage.h"
#include "trainer/loop/metric_log.h"
#include "trainer/objectives/next_token.h"

namespace strata {
namespace {

using parallel::Tensors;
using Clock = std::chrono::steady_clock;

constexpr int kMicrobatches = 8;
constexpr std::chrono::milliseconds kUnit{20};  // of sleep: a forward of all chunks of a stage

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Sleeps for a forward, twice as long for a backward, once for each half of one.
class SleepingStage : public parallel::Stage {
 public:
  explicit SleepingStage(int chunks, bool is_first, bool is_last)
      : pause_(kUnit / chunks), last_chunk_(chunks - 1), is_first_(is_first), is_last_(is_last) {}

  Tensors forward(int chunk, int, const Tensors&) override {
    std::this_thread::sleep_for(pause_);
    return is_last_ && chunk == last_chunk_ ? Tensors{} : Tensors{at::zeros({64})};
  }
  Tensors backward(int chunk, int, const Tensors&, bool defer_weights) override {
    std::this_thread::sleep_for(defer_weights ? pause_ : 2 * pause_);
    return is_first_ && chunk == 0 ? Tensors{} : Tensors{at::zeros({64})};
  }
  void weight_grad(int, int) override { std::this_thread::sleep_for(pause_); }
  std::vector<parallel::TensorSpec> boundary(int) const override { return {{{64}, at::kFloat}}; }

 private:
  std::chrono::microseconds pause_;
  int last_chunk_;
  bool is_first_, is_last_;
};

/// Another stage, watched: how long it works, and what it keeps.
class WatchedStage : public parallel::Stage {
 public:
  explicit WatchedStage(parallel::Stage& behind) : behind_(behind), bytes_before_(bytes_in_use()) {}

  double busy = 0;         ///< seconds
  int peak_in_flight = 0;  ///< forwards whose backward is not done
  double peak_mib = 0;     ///< memory in use above that at the start

  Tensors forward(int chunk, int microbatch, const Tensors& from_previous) override {
    peak_in_flight = std::max(peak_in_flight, ++in_flight_);
    return timed([&] { return behind_.forward(chunk, microbatch, from_previous); });
  }
  Tensors backward(int chunk, int microbatch, const Tensors& grad, bool defer_weights) override {
    if (!defer_weights) --in_flight_;
    return timed([&] { return behind_.backward(chunk, microbatch, grad, defer_weights); });
  }
  void weight_grad(int chunk, int microbatch) override {
    --in_flight_;
    timed([&] {
      behind_.weight_grad(chunk, microbatch);
      return Tensors{};
    });
  }
  std::vector<parallel::TensorSpec> boundary(int microbatch) const override {
    return behind_.boundary(microbatch);
  }

 private:
  static double bytes_in_use() { return static_cast<double>(kernels::host_memory().used); }
  template <class Body>
  Tensors timed(const Body& body) {
    const auto start = Clock::now();
    Tensors result = body();
    busy += seconds_since(start);
    peak_mib = std::max(peak_mib, (bytes_in_use() - bytes_before_) / (1 << 20));
    return result;
  }

  parallel::Stage& behind_;
  double bytes_before_;
  int in_flight_ = 0;
};

/// What came out of a step on all stages.
struct Measured {
  double seconds = 0, bubble = 0;
  std::vector<int> peaks;
  std::vector<double> mib;
};

Measured run_watched(parallel::PipelineExecutor& executor, parallel::Stage& stage,
                     parallel::Communicator& pipeline) {
  WatchedStage watched(stage);
  pipeline.barrier();
  const auto start = Clock::now();
  executor.run(watched);
  Measured measured;
  measured.seconds = parallel::all_max(pipeline, seconds_since(start));
  const double busy = parallel::all_sum(pipeline, watched.busy);
  measured.bubble = 1 - busy / (measured.seconds * pipeline.size());
  for (int s = 0; s < pipeline.size(); ++s) {
    const bool own = s == pipeline.rank();
    measured.peaks.push_back(
        static_cast<int>(parallel::all_sum(pipeline, own ? watched.peak_in_flight : 0)));
    measured.mib.push_back(parallel::all_sum(pipeline, own ? watched.peak_mib : 0));
  }
  return measured;
}

Measured sleep_through(const parallel::ParallelContext& context,
                       parallel::PipelineExecutor& executor) {
  SleepingStage stage(executor.schedule().shape.chunks_per_stage, context.is_first_stage(),
                      context.is_last_stage());
  return run_watched(executor, stage, context.along(parallel::kPipelineAxis));
}

std::vector<data::Batch> training_batches(int64_t vocabulary) {
  constexpr int kRows = 2, kTokens = 256;
  std::vector<data::Batch> batches;
  for (int m = 0; m < kMicrobatches; ++m) {
    std::vector<data::Row> rows;
    for (int row = 0; row < kRows; ++row) {
      const at::Tensor ids = tests::random_ids(1, kTokens + 1, vocabulary, m * kRows + row + 1);
      const int64_t* id = ids.const_data_ptr<int64_t>();
      rows.push_back(data::one_document_row({id, id + kTokens}, {id + 1, id + kTokens + 1}));
    }
    const std::vector<int64_t> samples{m * kRows, m * kRows + 1};
    batches.push_back(data::make_batch(rows, samples, kTokens));
  }
  return batches;
}

/// The third of three steps: memory has been touched, and buffers have their sizes.
Measured train_through(const parallel::ParallelContext& context,
                       parallel::PipelineExecutor& executor) {
  const model::ModelConfig config = tests::small_llama();
  tests::TinyModel tiny(context, config,
                        {.chunks_per_stage = executor.schedule().shape.chunks_per_stage});
  parallel::DistributedOptimizer optimizer(tiny.params, {});
  parallel::GradSink sink(tiny.params);
  const std::vector<data::Batch> batches = training_batches(config.vocabulary());
  const trainer::NextToken objective;
  Measured measured;
  for (int step = 0; step < 3; ++step) {
    trainer::MetricLog metrics;
    trainer::StepPlan plan;
    plan.microbatches = batches;
    plan.sink = &sink;
    plan.step = step;
    plan.finish = [&](int, const at::Tensor& h_nd, const model::Head& head,
                      const trainer::DeviceBatch& batch) {
      return objective.loss(h_nd, head, batch, 1.0 / 4096, metrics);
    };
    optimizer.zero_grad(kMicrobatches);
    trainer::ModelStage stage(tiny.decoder, plan);
    measured = run_watched(executor, stage, context.along(parallel::kPipelineAxis));
    optimizer.reduce_grads();
    optimizer.step(1e-3);
  }
  return measured;
}

int print_table(parallel::Communicator& world, bool trains) {
  at::set_num_threads(1);
  const int stages = world.size();
  const parallel::ParallelContext context(world.split(0, world.rank(), "bench"),
                                          parallel::MeshLayout(1, 1, 1, stages));
  const bool speaks = world.rank() == 0;
  if (speaks) {
    fmt::print("{} stages that {}, {} micro-batches\n\n", stages, trains ? "train" : "sleep",
               kMicrobatches);
    fmt::print("| schedule | bubble predicted | measured | kept at once predicted | measured |{}\n",
               trains ? " MiB | step s |" : " step s |");
    fmt::print("|---|---|---|---|---|{}\n", trains ? "---|---|" : "---|");
  }
  const std::vector<std::pair<std::string, int>> orders{
      {"gpipe", 1}, {"1f1b", 1}, {"interleaved", 2}, {"zero_bubble", 1}};
  for (const auto& [name, chunks] : orders) {
    if (kMicrobatches % stages != 0 || (trains && stages * chunks > 6)) continue;
    const parallel::Schedule lowered =
        parallel::lower(parallel::make_schedule(name, {stages, chunks, kMicrobatches}));
    const parallel::ScheduleFacts facts = parallel::check(lowered);
    parallel::PipelineExecutor executor(lowered, context.along(parallel::kPipelineAxis));
    const Measured measured =
        trains ? train_through(context, executor) : sleep_through(context, executor);
    if (!speaks) continue;
    fmt::print("| {} | {:.1f}% | {:.1f}% | {} | {} |", name, 100 * facts.bubble,
               100 * measured.bubble, fmt::join(facts.peak_in_flight, " "),
               fmt::join(measured.peaks, " "));
    if (trains) fmt::print(" {:.0f} |", fmt::join(measured.mib, " "));
    fmt::print(" {:.2f} |\n", measured.seconds);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace strata

int main(int argc, char** argv) {
  strata::base::tune_allocator();
  strata::kernels::reuse_host_memory();
  const bool trains = argc > 1 && std::string_view(argv[1]) == "train";
  return strata::parallel::run_in_world(
      [&](strata::parallel::Communicator& world) { return strata::print_table(world, trains); });
}
