#include "trainer/engine/model_stage.h"

#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"

namespace strata::trainer {

using parallel::Tensors;

ModelStage::ModelStage(const model::Decoder& decoder, const StepPlan& plan)
    : decoder_(decoder), plan_(plan) {}

ModelStage::Loaded& ModelStage::load(int microbatch) {
  const auto at = loaded_.find(microbatch);
  if (at != loaded_.end()) return at->second;
  const data::Batch& batch = plan_.microbatches[static_cast<size_t>(microbatch)];
  const int passes = decoder_.chunk_count() * (plan_.sink != nullptr ? 2 : 1);
  Loaded loaded{to_device(batch, plan_.read, decoder_.context().device()), {}, passes};
  loaded.dropout = {plan_.dropout_seed, plan_.step, loaded.batch.samples_b};
  if (plan_.noise > 0 && decoder_.is_first(0)) {
    loaded.dropout.noise_bt =
        noise_bounds(batch, plan_.noise, decoder_.config().width, decoder_.context().device());
  }
  return loaded_.emplace(microbatch, std::move(loaded)).first->second;
}

void ModelStage::done_with(int microbatch) {
  const auto at = loaded_.find(microbatch);
  if (--at->second.uses_left == 0) loaded_.erase(at);
}

Tensors ModelStage::forward(int chunk, int microbatch, const Tensors& from_previous) {
  Loaded& loaded = load(microbatch);
  const bool trains = plan_.sink != nullptr;
  model::Pass pass;
  pass.sink = plan_.sink;
  pass.dropout = trains ? &loaded.dropout : nullptr;
  pass.recompute = plan_.recompute;
  pass.adapters = plan_.adapters;
  Kept kept;
  if (!decoder_.is_first(chunk)) kept.input = from_previous[0].detach().requires_grad_(trains);
  kept.output = decoder_.forward(chunk, loaded.batch.input, kept.input, pass);

  Tensors to_next;
  if (decoder_.is_last(chunk)) {
    kept.output = plan_.finish(microbatch, kept.output,
                               decoder_.head(plan_.sink, loaded.batch.input), loaded.batch);
  } else {
    to_next = {kept.output.detach()};
  }
  if (trains) kept_[{chunk, microbatch}] = std::move(kept);
  done_with(microbatch);
  return to_next;
}

Tensors ModelStage::backward(int chunk, int microbatch, const Tensors& grad_from_next,
                             bool defer_weights) {
  Kept kept = std::move(kept_.extract({chunk, microbatch}).mapped());
  if (defer_weights) plan_.sink->defer_to(chunk, microbatch);
  kept.output.backward(grad_from_next.empty() ? at::Tensor() : grad_from_next[0]);
  if (defer_weights) plan_.sink->stop_deferring();
  done_with(microbatch);
  if (decoder_.is_first(chunk)) return {};
  return {kept.input.grad()};
}

void ModelStage::weight_grad(int chunk, int microbatch) {
  plan_.sink->run_deferred(chunk, microbatch);
}

std::vector<parallel::TensorSpec> ModelStage::boundary(int microbatch) const {
  const data::Batch& batch = plan_.microbatches[static_cast<size_t>(microbatch)];
  return {{decoder_.hidden_shape(batch.rows, batch.length), decoder_.params().options().compute}};
}

}  // namespace strata::trainer
