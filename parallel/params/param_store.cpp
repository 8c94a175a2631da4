#include "parallel/params/param_store.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/params/bucket_layout.h"
#include "parallel/params/buckets.h"
#include "parallel/params/gather.h"
#include "parallel/params/gathered_blocks.h"
#include "parallel/params/initial.h"

namespace strata::parallel {
namespace {

/// One tensor [total] cut into views of these sizes; a size of 0 gives an undefined one.
std::vector<at::Tensor> views_of_one(const std::vector<int64_t>& sizes,
                                     const at::TensorOptions& options) {
  int64_t total = 0, used = 0;
  for (int64_t size : sizes) total += size;
  const at::Tensor memory = at::zeros({total}, options);
  std::vector<at::Tensor> views;
  for (int64_t size : sizes) {
    views.push_back(size == 0 ? at::Tensor() : memory.narrow(0, used, size));
    used += size;
  }
  return views;
}

}  // namespace

struct ParamStore::State {
  const ParallelContext* context;
  StoreOptions options;
  std::vector<Param> params;
  std::unordered_map<std::string, int32_t> index;
  int block = 0;
  bool materialized = false;
  int64_t trainable = 0;

  Buckets buckets;
  std::vector<at::Tensor> views;             // [parameter], shaped; empty under ZeRO 3
  std::unique_ptr<GatheredBlocks> gathered;  // ZeRO 3
  int zero = 0;                              // as it comes to bear: nothing is cut for one rank

  std::vector<bool> tied;  // [parameter]: see is_tied_across_stages

  void find_ties();
  void make_buckets();
  void allocate_values();
  void store_local(const Param& param, const at::Tensor& local);
  int64_t count_trainable() const;
};

ParamStore::ParamStore(const ParallelContext& context, StoreOptions options)
    : state_(std::make_unique<State>()) {
  state_->context = &context;
  state_->options = options;
  state_->zero = context.gradients().size() > 1 ? options.zero : 0;
}

ParamStore::~ParamStore() = default;

void ParamStore::begin_block(int block) { state_->block = block; }

ParamId ParamStore::add(std::string name, ParamSpec spec) {
  base::ensure(!state_->materialized, name + ": parameters are added before materialize()");
  if (state_->options.adapters_only && spec.part_of_base) spec.trainable = false;
  const ParamId id{static_cast<int32_t>(state_->params.size())};
  base::ensure(state_->index.emplace(name, id.index).second, "two parameters are called " + name);
  state_->params.push_back({std::move(name), std::move(spec), state_->block, 0, 0});
  return id;
}

void ParamStore::materialize(uint64_t seed) {
  State& s = *state_;
  base::ensure(!s.materialized, "a store is materialized once");
  s.materialized = true;
  s.find_ties();
  s.make_buckets();
  s.allocate_values();
  for (const Param& param : s.params) {
    const std::string& name = param.spec.tied_to.empty() ? param.name : param.spec.tied_to;
    // Straight into its place where that is fp32 and whole; else beside, to be rounded and cut.
    const Bucket& bucket = s.buckets.all[static_cast<size_t>(param.bucket)];
    const int64_t size = param.spec.shard.local_size();
    const bool in_place =
        bucket.values.defined() && bucket.values.is_cpu() && s.options.compute == at::kFloat;
    at::Tensor local =
        in_place ? bucket.values.narrow(0, param.offset, size) : at::empty({size}, at::kFloat);
    fill_initial(local, param.spec, name, seed);
    if (!in_place) s.store_local(param, local);
  }
  s.trainable = s.count_trainable();
}

at::Tensor ParamStore::use(ParamId id) const {
  const auto p = static_cast<size_t>(id.index);
  if (!state_->gathered) return state_->views[p];
  const Param& param = state_->params[p];
  const ShardSpec& shard = param.spec.shard;
  return state_->gathered->values(param.bucket)
      .narrow(0, param.offset, shard.local_size())
      .view(shard.local_shape());
}

void ParamStore::prefetch(int block) {
  if (state_->gathered) state_->gathered->prefetch(block);
}

void ParamStore::release(int block) {
  if (state_->gathered) state_->gathered->release(block);
}

void ParamStore::hold() {
  if (state_->gathered) state_->gathered->hold();
}

void ParamStore::let_go() {
  if (state_->gathered) state_->gathered->let_go();
}

void ParamStore::values_changed() {
  if (state_->gathered) state_->gathered->release_all();
}

const Param& ParamStore::operator[](ParamId id) const {
  return state_->params.at(static_cast<size_t>(id.index));
}

std::span<const Param> ParamStore::params() const { return state_->params; }

ParamId ParamStore::find(std::string_view name) const {
  const auto found = state_->index.find(std::string(name));
  return found == state_->index.end() ? ParamId{} : ParamId{found->second};
}

bool ParamStore::trains(ParamId id) const {
  return state_->options.trained && (*this)[id].spec.trainable;
}

bool ParamStore::is_tied_across_stages(ParamId id) const {
  return state_->tied.at(static_cast<size_t>(id.index));
}

int64_t ParamStore::trainable_count() const { return state_->trainable; }

bool ParamStore::all_finite() const {
  return std::ranges::all_of(buckets().all, [](const Bucket& bucket) {
    return bucket.value_slice.isfinite().all().item<bool>();
  });
}

const StoreOptions& ParamStore::options() const { return state_->options; }

const ParallelContext& ParamStore::context() const { return *state_->context; }

void ParamStore::set_whole(ParamId id, const at::Tensor& whole) {
  const Param& param = (*this)[id];
  const ShardSpec& shard = param.spec.shard;
  base::ensure(whole.numel() == shard.global_size(), param.name + ": a whole tensor was expected");
  at::Tensor local = at::empty({shard.local_size()}, at::kFloat);
  auto* to = local.data_ptr<float>();
  const auto* from = whole.const_data_ptr<float>();
  for (const Run& run : runs_of(shard)) {
    std::memcpy(to + run.local, from + run.global, static_cast<size_t>(run.count) * sizeof(float));
  }
  state_->store_local(param, local);
  values_changed();
}

at::Tensor ParamStore::get_whole(ParamId id) const {
  const Bucket& bucket = state_->buckets.all[static_cast<size_t>((*this)[id].bucket)];
  std::vector<at::Tensor> slices(state_->buckets.all.size());
  slices[static_cast<size_t>((*this)[id].bucket)] =
      bucket.master.defined() ? bucket.master : bucket.value_slice.to(at::kFloat);
  return gather_whole(*this, id, slices);
}

ParamStore::Buckets& ParamStore::buckets() { return state_->buckets; }

const ParamStore::Buckets& ParamStore::buckets() const { return state_->buckets; }

/// Each end knows its own half of a tie: the last stage tells the first the owners' names.
void ParamStore::State::find_ties() {
  tied.assign(params.size(), false);
  std::string owners = "\n";
  for (size_t i = 0; i < params.size(); ++i) {
    tied[i] = !params[i].spec.tied_to.empty();
    if (tied[i]) owners += params[i].spec.tied_to + '\n';
  }
  Communicator& ends = context->embedding_ends();
  if (ends.size() == 1) return;
  const int last = ends.size() - 1;
  owners = broadcast_string(ends, owners, last);
  if (ends.rank() == last) return;
  for (size_t i = 0; i < params.size(); ++i) {
    tied[i] = owners.find('\n' + params[i].name + '\n') != std::string::npos;
  }
}

void ParamStore::State::make_buckets() {
  Communicator& group = context->gradients();
  const BucketRules rules{options.trained, options.bucket_elements, group.size()};
  for (BucketPlan& plan : plan_buckets(params, tied, rules)) {
    Bucket bucket;
    bucket.block = plan.block;
    bucket.trained = plan.trained;
    bucket.params = std::move(plan.params);
    bucket.size = plan.size;
    const bool is_cut = zero >= (bucket.trained ? 1 : 3);
    const int64_t slice = bucket.size / group.size();
    bucket.slice =
        is_cut ? Slice{group.rank() * slice, (group.rank() + 1) * slice} : Slice{0, bucket.size};
    buckets.all.push_back(std::move(bucket));
  }
}

void ParamStore::State::allocate_values() {
  const auto kept = [&](const Bucket& bucket) {
    return zero >= 3 ? bucket.slice : Slice{0, bucket.size};
  };
  std::vector<int64_t> sizes;
  for (const Bucket& bucket : buckets.all) sizes.push_back(kept(bucket).size());
  const at::TensorOptions memory =
      at::TensorOptions().dtype(options.compute).device(context->device());
  const std::vector<at::Tensor> values = views_of_one(sizes, memory);
  for (size_t b = 0; b < values.size(); ++b) {
    Bucket& bucket = buckets.all[b];
    if (zero < 3) bucket.values = values[b];
    bucket.value_slice =
        zero < 3 ? values[b].narrow(0, bucket.slice.begin, bucket.slice.size()) : values[b];
  }

  const bool in_fp32 = options.compute == at::kFloat;
  std::vector<at::Tensor> masters =
      in_fp32 ? std::vector<at::Tensor>(values.size()) : buckets.make_slices(context->device());
  for (size_t b = 0; b < values.size(); ++b) {
    Bucket& bucket = buckets.all[b];
    if (bucket.trained) bucket.master = in_fp32 ? bucket.value_slice : masters[b];
  }

  if (zero >= 3) {
    gathered = std::make_unique<GatheredBlocks>(buckets.all, context->gradients(), options.compute);
  } else {
    for (const Param& param : params) {
      const ShardSpec& shard = param.spec.shard;
      views.push_back(buckets.all[static_cast<size_t>(param.bucket)]
                          .values.narrow(0, param.offset, shard.local_size())
                          .view(shard.local_shape()));
    }
  }
  const bool trains = std::ranges::any_of(buckets.all, &Bucket::trained);
  if (trains)
    buckets.grads = std::make_unique<GradBuckets>(buckets.all, params, context->gradients(), zero);
}

/// Values and master of a parameter from its whole local shard, flat fp32 on the CPU.
void ParamStore::State::store_local(const Param& param, const at::Tensor& local) {
  Bucket& bucket = buckets.all[static_cast<size_t>(param.bucket)];
  if (bucket.values.defined()) bucket.values.narrow(0, param.offset, local.numel()).copy_(local);
  const int64_t begin = std::max(param.offset, bucket.slice.begin);
  const int64_t end = std::min(param.offset + local.numel(), bucket.slice.end);
  if (begin >= end) return;
  const at::Tensor piece = local.narrow(0, begin - param.offset, end - begin);
  const auto put = [&](const at::Tensor& slice) {
    slice.narrow(0, begin - bucket.slice.begin, end - begin).copy_(piece);
  };
  if (bucket.master.defined()) put(bucket.master);
  if (!bucket.values.defined()) put(bucket.value_slice);
}

int64_t ParamStore::State::count_trainable() const {
  double count = 0;
  for (const Param& param : params) {
    if (!param.spec.trainable || !param.spec.tied_to.empty()) continue;
    for (const Run& run : runs_of(param.spec.shard))
      count += run.copy == 0 ? static_cast<double>(run.count) : 0;
  }
  return static_cast<int64_t>(all_sum(context->along(kModelAxes), count));
}

std::vector<at::Tensor> ParamStore::Buckets::make_slices(at::Device device) const {
  std::vector<int64_t> sizes;
  for (const Bucket& bucket : all) sizes.push_back(bucket.trained ? bucket.slice.size() : 0);
  return views_of_one(sizes, at::TensorOptions().dtype(at::kFloat).device(device));
}

std::vector<at::Tensor> ParamStore::Buckets::masters() const {
  std::vector<at::Tensor> slices;
  for (const Bucket& bucket : all) slices.push_back(bucket.master);
  return slices;
}

}  // namespace strata::parallel
