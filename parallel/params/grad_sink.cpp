#include "parallel/params/grad_sink.h"

#include <ATen/core/grad_mode.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/flat.h"
#include "kernels/matmul.h"
#include "parallel/params/buckets.h"

namespace strata::parallel {
namespace {

/// A linear's gradient whose product is not made yet.
struct Product {
  ParamId id;
  at::Tensor grad_output_nf, input_nd;
};

using PassKey = std::pair<int, int>;  // chunk, microbatch

}  // namespace

struct GradSink::State {
  ParamStore* store;
  std::optional<PassKey> deferring;
  std::map<PassKey, std::vector<Product>> deferred;

  /// add(grad, overwrite) into the parameter's flat gradient.
  template <class Add>
  void put(ParamId id, const Add& add) {
    GradBuckets& grads = *store->buckets().grads;
    GradBuckets::Place place = grads.place(id);
    add(place.grad, place.overwrite);
    grads.arrived(id);
  }

  void put_product(const Product& product) {
    const at::Tensor& grad_nf = product.grad_output_nf;
    put(product.id, [&](at::Tensor& flat, bool overwrite) {
      at::Tensor grad_fd = flat.view({grad_nf.size(1), product.input_nd.size(1)});
      kernels::matmul_add_(grad_fd, grad_nf.t(), product.input_nd, overwrite);
    });
  }
};

GradSink::GradSink(ParamStore& store) : state_(std::make_unique<State>()) {
  state_->store = &store;
}

GradSink::~GradSink() = default;

void GradSink::add(ParamId id, const at::Tensor& grad) {
  if (!wants(id)) return;
  state_->put(
      id, [&](at::Tensor& flat, bool overwrite) { kernels::accumulate(flat, grad, overwrite); });
}

void GradSink::add_product(ParamId id, const at::Tensor& grad_output_nf,
                           const at::Tensor& input_nd) {
  if (!wants(id)) return;
  Product product{id, grad_output_nf, input_nd.detach()};  // kept without its graph
  if (state_->deferring) {
    state_->deferred[*state_->deferring].push_back(std::move(product));
  } else {
    state_->put_product(product);
  }
}

void GradSink::add_rows(ParamId id, const at::Tensor& grad_nd, const at::Tensor& ids_n) {
  if (!wants(id)) return;
  state_->put(id, [&](at::Tensor& flat, bool overwrite) {
    if (overwrite) flat.zero_();
    at::Tensor table_vd = flat.view({-1, grad_nd.size(1)});
    kernels::add_rows(table_vd, grad_nd, ids_n);
  });
}

bool GradSink::wants(ParamId id) const { return state_->store->trains(id); }

void GradSink::defer_to(int chunk, int microbatch) {
  state_->deferring = PassKey{chunk, microbatch};
}

void GradSink::stop_deferring() { state_->deferring.reset(); }

void GradSink::run_deferred(int chunk, int microbatch) {
  const at::NoGradGuard no_graph;
  auto products = state_->deferred.extract({chunk, microbatch});
  if (products.empty()) return;
  for (const Product& product : products.mapped()) state_->put_product(product);
}

}  // namespace strata::parallel
