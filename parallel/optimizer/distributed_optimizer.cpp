#include "parallel/optimizer/distributed_optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "kernels/adamw.h"
#include "parallel/optimizer/grad_norm.h"
#include "parallel/optimizer/shared_grads.h"
#include "parallel/params/buckets.h"
#include "parallel/params/gather.h"

namespace strata::parallel {
namespace {

/// Elements of a slice that are updated alike: parameters side by side that all decay or all do
/// not.
struct Stretch {
  size_t bucket;
  int64_t begin, end;
  bool decays;
};

std::vector<Stretch> stretches_of(const ParamStore& params) {
  std::vector<Stretch> stretches;
  const std::vector<Bucket>& buckets = params.buckets().all;
  for (size_t b = 0; b < buckets.size(); ++b) {
    if (!buckets[b].trained) continue;
    const Slice& slice = buckets[b].slice;
    for (int32_t p : buckets[b].params) {
      const Param& param = params[ParamId{p}];
      const int64_t begin = std::max(param.offset, slice.begin) - slice.begin;
      const int64_t end =
          std::min(param.offset + param.spec.shard.local_size(), slice.end) - slice.begin;
      if (begin >= end) continue;
      Stretch* last = stretches.empty() ? nullptr : &stretches.back();
      const bool goes_on = last && last->bucket == b && last->decays == param.spec.decays;
      if (goes_on)
        last->end = end;  // what fills up between two parameters is zero and stays so
      else
        stretches.push_back({b, begin, end, param.spec.decays});
    }
  }
  return stretches;
}

/// The factor that brings the gradient's norm down to `clip`, in fp32 as
/// torch.nn.utils.clip_grad_norm_ has it.
double clip_scale(double clip, double norm) {
  if (clip == 0) return 1;
  const float scale = static_cast<float>(clip) / (static_cast<float>(norm) + 1e-6f);
  return std::min(scale, 1.0f);
}

}  // namespace

struct DistributedOptimizer::State {
  ParamStore* params;
  OptimizerConfig config;
  GradNorm grad_norm;
  SharedGrads shared_grads;
  std::vector<Stretch> stretches;
  std::vector<Moment> moments;
  int64_t updates = 0;
  double norm = 0;

  State(ParamStore& store, const OptimizerConfig& optimizer)
      : params(&store),
        config(optimizer),
        grad_norm(store),
        shared_grads(store),
        stretches(stretches_of(store)) {
    for (std::string_view name : {"exp_avg", "exp_avg_sq"}) {
      moments.push_back({name, store.buckets().make_slices(store.context().device())});
    }
  }

  void update_slices(double lr);
  void spread_values();
};

DistributedOptimizer::DistributedOptimizer(ParamStore& params, const OptimizerConfig& config)
    : state_(std::make_unique<State>(params, config)) {}

DistributedOptimizer::~DistributedOptimizer() = default;

void DistributedOptimizer::zero_grad(int microbatches) {
  if (auto& grads = state_->params->buckets().grads) grads->begin_step(microbatches);
}

double DistributedOptimizer::reduce_grads() {
  State& s = *state_;
  if (auto& grads = s.params->buckets().grads) grads->finish();
  s.shared_grads.sum();
  s.norm = s.grad_norm.over_all_ranks();
  return s.norm;
}

bool DistributedOptimizer::step(double lr) {
  State& s = *state_;
  if (!std::isfinite(s.norm)) return false;
  ++s.updates;
  s.update_slices(lr);
  s.spread_values();
  return true;
}

int64_t DistributedOptimizer::updates() const { return state_->updates; }

void DistributedOptimizer::set_updates(int64_t updates) { state_->updates = updates; }

const std::vector<DistributedOptimizer::Moment>& DistributedOptimizer::moments() const {
  return state_->moments;
}

at::Tensor DistributedOptimizer::whole_gradient(ParamId id) const {
  base::ensure(state_->params->trains(id), (*state_->params)[id].name + " has no gradient");
  return gather_whole(*state_->params, id, state_->params->buckets().grads->slices());
}

ParamStore& DistributedOptimizer::params() const { return *state_->params; }

void DistributedOptimizer::State::update_slices(double lr) {
  kernels::AdamwStep step;
  step.lr = lr;
  step.beta1 = config.betas[0];
  step.beta2 = config.betas[1];
  step.eps = config.eps;
  step.grad_scale = clip_scale(config.clip, norm);
  step.t = updates;
  for (const Stretch& stretch : stretches) {
    Bucket& bucket = params->buckets().all[stretch.bucket];
    const auto piece = [&](const at::Tensor& slice) {
      return slice.narrow(0, stretch.begin, stretch.end - stretch.begin);
    };
    at::Tensor master = piece(bucket.master);
    at::Tensor exp_avg = piece(moments[0].slices[stretch.bucket]);
    at::Tensor exp_avg_sq = piece(moments[1].slices[stretch.bucket]);
    at::Tensor rounded =
        bucket.value_slice.is_same(bucket.master) ? at::Tensor() : piece(bucket.value_slice);
    step.weight_decay = stretch.decays ? config.weight_decay : 0;
    kernels::adamw(step, master, piece(params->buckets().grads->slices()[stretch.bucket]), exp_avg,
                   exp_avg_sq, rounded);
  }
}

/// Every data rank gets the slices that the others updated.
void DistributedOptimizer::State::spread_values() {
  std::vector<WorkPtr> works;
  for (Bucket& bucket : params->buckets().all) {
    const bool wants_others = bucket.trained && bucket.is_cut() && bucket.values.defined();
    if (wants_others)
      works.push_back(params->context().gradients().all_gather(bucket.values, bucket.value_slice));
  }
  for (WorkPtr& work : works) work->wait();
  params->values_changed();
}

}  // namespace strata::parallel
