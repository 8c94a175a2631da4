#include "trainer/engine/engine.h"

#include <ATen/core/grad_mode.h>

#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"
#include "parallel/pipeline/orders.h"
#include "parallel/pipeline/schedule.h"
#include "trainer/engine/model_stage.h"
#include "trainer/loop/metric_log.h"
#include "trainer/objectives/objective.h"

namespace strata::trainer {

Engine::Engine(const model::Decoder& decoder, parallel::DistributedOptimizer* optimizer,
               EngineOptions options)
    : decoder_(decoder), optimizer_(optimizer), options_(std::move(options)) {
  if (optimizer_ != nullptr) sink_ = std::make_unique<parallel::GradSink>(decoder_.params());
}

Engine::~Engine() = default;

parallel::PipelineExecutor& Engine::executor(bool trains, size_t microbatches) {
  auto& slot = executors_[{trains, microbatches}];
  if (!slot) {
    const parallel::ParallelContext& context = decoder_.context();
    const parallel::ScheduleShape shape{context.layout().pipeline(), decoder_.chunk_count(),
                                        static_cast<int>(microbatches)};
    slot = std::make_unique<parallel::PipelineExecutor>(
        parallel::lower(trains ? parallel::make_schedule(options_.schedule, shape)
                               : parallel::forward_only_order(shape)),
        context.along(parallel::kPipelineAxis));
  }
  return *slot;
}

double Engine::inverse_weight(std::span<const data::Batch> microbatches,
                              const Objective& objective) const {
  double weight = 0;
  for (const data::Batch& batch : microbatches) weight += objective.weight(batch);
  weight = parallel::all_sum(decoder_.context().gradients(), weight);
  return weight > 0 ? 1 / weight : 0;  // a step without any target has loss 0, not NaN
}

bool Engine::step(int64_t k, std::span<const data::Batch> microbatches, const Objective& objective,
                  double lr, MetricLog& metrics) {
  // 1. The weight of every token of the step, before the first forward.
  const double inv_weight = inverse_weight(microbatches, objective);

  // 2. Forward and backward of all micro-batches, in the order of the schedule; gradients go to the
  // sink. Tensor ranks have the same loss:
  //    one of them reports it.
  MetricLog unheard;
  MetricLog& heard = decoder_.context().coord().tensor == 0 ? metrics : unheard;
  StepPlan plan;
  plan.microbatches = microbatches;
  plan.sink = sink_.get();
  plan.read = objective.reads();
  plan.recompute = options_.recompute;
  plan.dropout_seed = options_.seed;
  plan.step = k;
  plan.noise = options_.noise;
  plan.finish = [&](int, const at::Tensor& h_nd, const model::Head& head,
                    const DeviceBatch& batch) {
    return objective.loss(h_nd, head, batch, inv_weight, heard);
  };
  optimizer_->zero_grad(static_cast<int>(microbatches.size()));
  ModelStage stage(decoder_, plan);
  executor(/*trains=*/true, microbatches.size()).run(stage);

  // 3. One gradient over all ranks, one norm, one verdict, one update.
  metrics.set("grad_norm", optimizer_->reduce_grads());
  return optimizer_->step(lr);
}

void Engine::forward(std::span<const data::Batch> microbatches, bool adapters, Read read,
                     const Consume& consume) {
  const at::NoGradGuard no_graph;
  StepPlan plan;
  plan.microbatches = microbatches;
  plan.adapters = adapters;
  plan.read = read;
  plan.finish = [&](int microbatch, const at::Tensor& h_nd, const model::Head& head,
                    const DeviceBatch& batch) {
    consume(microbatch, h_nd, head, batch);
    return at::Tensor();
  };
  ModelStage stage(decoder_, plan);
  executor(/*trains=*/false, microbatches.size()).run(stage);
}

void Engine::evaluate(std::span<const data::Batch> microbatches, const Objective& objective,
                      MetricLog& metrics) {
  MetricLog unheard;
  MetricLog& heard = decoder_.context().coord().tensor == 0 ? metrics : unheard;
  // Sums and weights as they are: several calls add up to one mean.
  forward(microbatches, true, objective.reads(),
          [&](int, const at::Tensor& h_nd, const model::Head& head, const DeviceBatch& batch) {
            objective.loss(h_nd, head, batch, 1.0, heard);
          });
}

}  // namespace strata::trainer
