#include "parallel/layers/functions.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>

#include "parallel/layers/node.h"
#include "parallel/layers/ring_attention.h"

namespace strata::parallel {

at::Tensor swiglu(const at::Tensor& gate_up_nf) {
  return differentiable_one({gate_up_nf}, [&] {
    return MadeOne{kernels::swiglu_forward(gate_up_nf), [gate_up_nf](const at::Tensor& grad_nf) {
                     return Tensors{kernels::swiglu_backward(grad_nf, gate_up_nf)};
                   }};
  });
}

at::Tensor gelu(const at::Tensor& x_nf, kernels::Gelu kind) {
  return differentiable_one({x_nf}, [&] {
    return MadeOne{kernels::gelu_forward(x_nf, kind), [x_nf, kind](const at::Tensor& grad_nf) {
                     return Tensors{kernels::gelu_backward(grad_nf, x_nf, kind)};
                   }};
  });
}

namespace {

/// What a tensor rank holds of a number per token.
at::Tensor share_of(const at::Tensor& whole_n, const Pass& pass, int tensor_rank,
                    int tensor_ranks) {
  if (!pass.sequence) return whole_n;
  const int64_t rows = whole_n.size(0) / tensor_ranks;
  return whole_n.narrow(0, tensor_rank * rows, rows);
}

}  // namespace

at::Tensor dropout(const at::Tensor& x_nd, double p, std::string_view site, const Pass& pass,
                   int tensor_rank, int tensor_ranks) {
  if (p == 0 || !pass.dropout.token_n.defined()) return x_nd;
  kernels::DropoutMask mask = dropout_mask(pass, p, site);
  mask.token_n = share_of(mask.token_n, pass, tensor_rank, tensor_ranks);
  return differentiable_one({x_nd}, [&] {
    return MadeOne{kernels::dropout_add(x_nd, {}, mask), [mask](const at::Tensor& grad_nd) {
                     return Tensors{kernels::dropout_add(grad_nd, {}, mask)};
                   }};
  });
}

at::Tensor with_noise(const at::Tensor& x_nd, const Pass& pass, int tensor_rank, int tensor_ranks) {
  if (!pass.dropout.noise_n.defined()) return x_nd;
  kernels::UniformNoise noise = embedding_noise(pass);
  noise.token_n = share_of(noise.token_n, pass, tensor_rank, tensor_ranks);
  noise.bound_n = share_of(noise.bound_n, pass, tensor_rank, tensor_ranks);
  return differentiable_one({x_nd}, [&] {
    return MadeOne{kernels::add_noise(x_nd, noise),
                   [](const at::Tensor& grad_nd) { return Tensors{grad_nd}; }};
  });
}

namespace {

/// Views of the queries, keys and values in a fused row.
kernels::QueryKeyValue unfused(const at::Tensor& qkv_nf, const SelfAttention& how) {
  const at::Tensor heads =
      qkv_nf.view({how.rows, how.time, how.heads + 2 * how.kv_heads, how.head_dim});
  return {heads.narrow(2, 0, how.heads), heads.narrow(2, how.heads, how.kv_heads),
          heads.narrow(2, how.heads + how.kv_heads, how.kv_heads)};
}

void turn(at::Tensor& qkv_nf, const SelfAttention& how, kernels::Turn direction) {
  if (how.rope) {
    kernels::rotate_in_place(qkv_nf, how.positions_n, *how.rope, how.heads + how.kv_heads,
                             direction);
  }
}

kernels::AttentionForward attend(const kernels::QueryKeyValue& in, const SelfAttention& how) {
  return how.ring ? ring_attention_forward(*how.ring, in, how.options)
                  : kernels::attention_forward(in, how.options);
}

void attend_back(const at::Tensor& grad_bthd, const kernels::QueryKeyValue& in,
                 const kernels::AttentionForward& forward, const SelfAttention& how,
                 kernels::QueryKeyValue& grads) {
  if (how.ring) {
    ring_attention_backward(*how.ring, grad_bthd, in, forward, how.options, grads);
  } else {
    kernels::attention_backward(grad_bthd, in, forward, how.options, grads);
  }
}

}  // namespace

at::Tensor self_attention(const at::Tensor& qkv_nf, const SelfAttention& how) {
  return differentiable_one({qkv_nf}, [&] {
    at::Tensor turned_nf = qkv_nf.detach();
    turn(turned_nf, how, kernels::Turn::kForward);
    const auto forward = attend(unfused(turned_nf, how), how);
    const auto backward = [turned_nf, forward, how](const at::Tensor& grad_nf) {
      at::Tensor grad_qkv_nf = at::empty_like(turned_nf);
      kernels::QueryKeyValue grads = unfused(grad_qkv_nf, how);
      attend_back(grad_nf.view(forward.out_bthd.sizes()), unfused(turned_nf, how), forward, how,
                  grads);
      turn(grad_qkv_nf, how, kernels::Turn::kBack);
      return Tensors{grad_qkv_nf};
    };
    return MadeOne{forward.out_bthd.view({how.rows * how.time, how.heads * how.head_dim}),
                   backward};
  });
}

at::Tensor checkpointed(const std::function<at::Tensor(const at::Tensor&)>& fn,
                        const at::Tensor& x) {
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return fn(x);
  return differentiable_one({x}, [&] {
    return MadeOne{fn(x.detach()), [fn, x](const at::Tensor& grad) {
                     const at::AutoGradMode with_graph(true);
                     const at::Tensor leaf = x.detach().requires_grad_(true);
                     fn(leaf).backward(grad);
                     return Tensors{leaf.grad()};
                   }};
  });
}

}  // namespace strata::parallel
