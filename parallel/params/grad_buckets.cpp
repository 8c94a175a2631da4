#include "parallel/params/grad_buckets.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "kernels/flat.h"
#include "parallel/comm/collectives.h"
#include "parallel/params/buckets.h"

namespace strata::parallel {
namespace {

constexpr size_t kFlights = 2;  // under ZeRO 2: more would keep as many whole buffers alive

}  // namespace

struct GradBuckets::Flat {
  at::Tensor whole;      ///< undefined under ZeRO 2 while no gradient has come
  int rounds = 0;        ///< reductions in this step
  int missing = 0;       ///< parameters whose gradients for the next reduction are not all in
  bool has_sum = false;  ///< ZeRO 2: the slice holds sums of this step
};

struct GradBuckets::Flight {
  int bucket;
  at::Tensor whole, piece;
  WorkPtr work;
};

GradBuckets::GradBuckets(std::span<const Bucket> buckets, std::span<const Param> params,
                         Communicator& group, int zero)
    : buckets_(buckets),
      params_(params),
      group_(group),
      cuts_gradients_(zero >= 2 && group.size() > 1),
      cuts_sums_(zero >= 1 && group.size() > 1),
      pool_(at::TensorOptions().dtype(at::kFloat).device(group.device())),
      flats_(buckets.size()),
      slices_(buckets.size()),
      arrivals_(params.size()),
      written_(params.size()) {
  int64_t total = 0;
  for (const Bucket& bucket : buckets) {
    if (bucket.trained) total += cuts_gradients_ ? bucket.slice.size() : bucket.size;
  }
  const at::Tensor memory =
      at::zeros({total}, at::TensorOptions().dtype(at::kFloat).device(group.device()));
  int64_t used = 0;
  for (size_t b = buckets.size(); b-- > 0;) {
    const Bucket& bucket = buckets[b];
    if (!bucket.trained) continue;
    order_.push_back(static_cast<int>(b));
    if (cuts_gradients_) {
      slices_[b] = memory.narrow(0, used, bucket.slice.size());
      used += bucket.slice.size();
    } else {
      flats_[b].whole = memory.narrow(0, used, bucket.size);
      slices_[b] = flats_[b].whole.narrow(0, bucket.slice.begin, bucket.slice.size());
      used += bucket.size;
    }
  }
  begin_step(0);
}

GradBuckets::~GradBuckets() = default;

void GradBuckets::begin_step(int microbatches) {
  base::ensure(flights_.empty(), "a step's gradients are reduced before the next step begins");
  microbatches_ = microbatches;
  started_ = 0;
  std::ranges::fill(arrivals_, 0);
  std::fill(written_.begin(), written_.end(), false);
  for (int b : order_) {
    Flat& flat = flats_[static_cast<size_t>(b)];
    flat.rounds = 0;
    flat.has_sum = false;
    recount(flat);
  }
}

GradBuckets::Place GradBuckets::place(ParamId id) {
  const auto p = static_cast<size_t>(id.index);
  const Param& param = params_[p];
  Flat& flat = flats_[static_cast<size_t>(param.bucket)];
  base::ensure(cuts_gradients_ || flat.rounds == 0,
               param.name + " got a gradient after its reduction: more than its `uses`");
  if (!flat.whole.defined()) open(flat);
  const bool overwrite = !written_[p];
  written_[p] = true;
  return {flat.whole.narrow(0, param.offset, param.spec.shard.local_size()), overwrite};
}

void GradBuckets::arrived(ParamId id) {
  const auto p = static_cast<size_t>(id.index);
  Flat& flat = flats_[static_cast<size_t>(params_[p].bucket)];
  if (++arrivals_[p] == expected(params_[p], flat) && --flat.missing == 0) start_ready();
}

void GradBuckets::finish() {
  // 1. What others started must be started here too; then each bucket that holds something, on any
  // rank, once more.
  const auto buckets = static_cast<int64_t>(order_.size());
  if (cuts_gradients_) {
    const auto started = static_cast<int64_t>(all_max(group_, static_cast<double>(started_)));
    while (started_ < started) start_next();
    std::vector<double> holds(order_.size());
    for (size_t i = 0; i < order_.size(); ++i) {
      const Flat& flat = flats_[static_cast<size_t>(order_[i])];
      holds[i] = flat.whole.defined() || flat.rounds == 0;
    }
    all_reduce_numbers(group_, holds, ReduceOp::kMax);
    for (size_t i = 0; i < order_.size(); ++i) {
      if (holds[i] > 0) reduce(order_[i]);
    }
  } else {
    while (started_ < buckets) start_next();
  }
  // 2. All of it lands.
  while (!flights_.empty()) land_oldest();
}

/// The gradients that a parameter has had by the bucket's next reduction.
int GradBuckets::expected(const Param& param, const Flat& flat) const {
  return param.spec.uses * (cuts_gradients_ ? flat.rounds + 1 : microbatches_);
}

void GradBuckets::recount(Flat& flat) {
  const auto& bucket = buckets_[static_cast<size_t>(&flat - flats_.data())];
  flat.missing = static_cast<int>(std::ranges::count_if(bucket.params, [&](int32_t p) {
    const auto i = static_cast<size_t>(p);
    return arrivals_[i] < expected(params_[i], flat);
  }));
}

/// Starts reductions from the one whose turn it is, as far as buckets are full.
void GradBuckets::start_ready() {
  if (microbatches_ == 0) return;
  const int64_t last = static_cast<int64_t>(order_.size()) * (cuts_gradients_ ? microbatches_ : 1);
  const auto turn = [&] { return static_cast<size_t>(started_) % order_.size(); };
  while (started_ < last && flats_[static_cast<size_t>(order_[turn()])].missing == 0) start_next();
}

void GradBuckets::start_next() {
  reduce(order_[static_cast<size_t>(started_) % order_.size()]);
  ++started_;
}

/// ZeRO 2: gets a buffer whose filling is zero.
void GradBuckets::open(Flat& flat) {
  const Bucket& bucket = buckets_[static_cast<size_t>(&flat - flats_.data())];
  flat.whole = pool_.take(bucket.size);
  int64_t end = 0;
  const auto clear_up_to = [&](int64_t begin) {
    if (begin > end) flat.whole.narrow(0, end, begin - end).zero_();
  };
  for (int32_t p : bucket.params) {
    const Param& param = params_[static_cast<size_t>(p)];
    clear_up_to(param.offset);
    end = param.offset + param.spec.shard.local_size();
  }
  clear_up_to(bucket.size);
}

void GradBuckets::reduce(int b) {
  const Bucket& bucket = buckets_[static_cast<size_t>(b)];
  Flat& flat = flats_[static_cast<size_t>(b)];
  // 1. Unused parameters have a gradient of zero.
  if (!flat.whole.defined()) open(flat);
  for (int32_t p : bucket.params) {
    const auto i = static_cast<size_t>(p);
    if (!written_[i])
      flat.whole.narrow(0, params_[i].offset, params_[i].spec.shard.local_size()).zero_();
    written_[i] = false;
  }
  ++flat.rounds;
  recount(flat);
  // 2. Off it goes. Under ZeRO 2 the next microbatch opens another buffer.
  if (group_.size() == 1) return;
  at::Tensor piece = flat.whole.narrow(0, bucket.slice.begin, bucket.slice.size());
  WorkPtr work =
      cuts_sums_ ? group_.reduce_scatter(piece, flat.whole) : group_.all_reduce(flat.whole);
  flights_.push_back({b, flat.whole, std::move(piece), std::move(work)});
  if (!cuts_gradients_) return;
  flat.whole = at::Tensor();
  while (flights_.size() > kFlights) land_oldest();
}

void GradBuckets::land_oldest() {
  Flight flight = std::move(flights_.front());
  flights_.pop_front();
  flight.work->wait();
  flight.work.reset();
  if (!cuts_gradients_) return;
  const auto b = static_cast<size_t>(flight.bucket);
  kernels::accumulate(slices_[b], flight.piece, !flats_[b].has_sum);
  flats_[b].has_sum = true;
  flight.piece = at::Tensor();
  pool_.give_back(std::move(flight.whole));
}

}  // namespace strata::parallel
