// Where weight gradients go. Layers call it from their backward; it adds in fp32 into the flat
// buffers at once, or keeps the two factors of a linear's gradient for later (zero bubble). When a
// bucket's last gradient of the step has arrived its reduction starts, if
// DistributedOptimizer::zero_grad was told how many microbatches there are.
// Knows the store's buckets and no layer.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "parallel/params/param_store.h"

namespace strata::parallel {

class GradSink {
 public:
  explicit GradSink(ParamStore& store);
  ~GradSink();

  /// gradient of the local shard, any float dtype, same number of elements; added in fp32.
  void add(ParamId id, const at::Tensor& grad);

  /// The gradient of a linear's weight, grad_output^T input: grad_output_nf [n, out], input_nd [n,
  /// in]. Added at once, or deferred between defer_to() and stop_deferring(). fp32: the product
  /// accumulates straight into the flat buffer.
  void add_product(ParamId id, const at::Tensor& grad_output_nf, const at::Tensor& input_nd);

  /// Rows of an embedding: grad_nd [n, width] added at rows ids_n (-1 = row of another rank,
  /// skipped). Deterministic.
  void add_rows(ParamId id, const at::Tensor& grad_nd, const at::Tensor& ids_n);

  /// Whether this parameter wants a gradient at all: a layer skips the work where not.
  bool wants(ParamId id) const;

  /// Products from now on are kept under (chunk, microbatch) until run_deferred.
  void defer_to(int chunk, int microbatch);
  void stop_deferring();
  void run_deferred(int chunk, int microbatch);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::parallel
