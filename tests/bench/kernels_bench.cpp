// Time of our kernels beside the same written with LibTorch's operators under autograd, forward and
// backward, at the shapes of a small llama and of GPT-2. Processor time of one thread, so that a
// busy machine does not matter. Not a test: run by hand.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sum.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/allocator.h"
#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/cross_entropy.h"
#include "kernels/host_memory.h"
#include "kernels/matmul.h"
#include "kernels/norm.h"
#include "kernels/rope.h"

namespace strata::kernels {
namespace {

struct Shape {
  std::string name;
  int64_t rows, time, width, heads, kv_heads, head_dim, ffn, vocab;
  bool llama;
  int64_t n() const { return rows * time; }
};

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double best_of(int times, const std::function<void()>& f) {
  double best = 1e9;
  f();
  for (int i = 0; i < times; ++i) {
    const double start = cpu_seconds();
    f();
    best = std::min(best, cpu_seconds() - start);
  }
  return best * 1e3;
}

class Comparison {
 public:
  Comparison(const Shape& shape, at::ScalarType dtype) : shape_(shape), dtype_(dtype) {
    fmt::print("\n{} {}\n{:<26}{:>10}{:>10}{:>8}\n", shape.name,
               dtype == at::kFloat ? "fp32" : "bf16", "", "ours ms", "plain ms", "ratio");
  }

  void run() {
    matmul_rows();
    norm_rows();
    activation_rows();
    attention_rows();
    cross_entropy_rows();
  }

 private:
  at::Tensor random(at::IntArrayRef sizes) { return at::randn(sizes).to(dtype_); }

  void row(const std::string& name, const std::function<void()>& ours,
           const std::function<void()>& plain) {
    // LibTorch's bf16 products take minutes where the processor has no bf16 units.
    const double own = best_of(3, ours), other = best_of(dtype_ == at::kFloat ? 3 : 1, plain);
    fmt::print("{:<26}{:>10.2f}{:>10.2f}{:>8.2f}\n", name, own, other, other / own);
  }

  void matmul_rows() {
    const at::Tensor x = random({shape_.n(), shape_.width}), w = random({shape_.ffn, shape_.width});
    const at::Tensor dy = random({shape_.n(), shape_.ffn});
    at::Tensor sum = at::randn({shape_.ffn, shape_.width});
    row(
        "linear", [&] { linear(x, w, {}); }, [&] { at::mm(x, w.t()); });
    row(
        "linear grad x", [&] { kernels::matmul(dy, w); }, [&] { at::mm(dy, w); });
    row(
        "linear grad w", [&] { matmul_add_(sum, dy.t(), x); },
        [&] { sum.add_(at::mm(dy.t(), x)); });
  }

  void norm_rows() {
    const NormKind kind = shape_.llama ? NormKind::kRms : NormKind::kLayer;
    const at::Tensor x = random({shape_.n(), shape_.width}),
                     delta = random({shape_.n(), shape_.width});
    const at::Tensor weight = random({shape_.width}).requires_grad_(true);
    const at::Tensor bias =
        shape_.llama ? at::Tensor() : random({shape_.width}).requires_grad_(true);
    const at::Tensor gy = random({shape_.n(), shape_.width}),
                     gr = random({shape_.n(), shape_.width});
    const at::Tensor leaf = x.detach().clone().requires_grad_(true);
    row(
        "residual + norm",
        [&] {
          const at::NoGradGuard no_graph;
          const auto forward = norm_forward(kind, x, delta, weight, bias, 1e-5);
          norm_backward(kind, gy, gr, forward, weight, true);
        },
        [&] {
          const at::Tensor residual = leaf.add(delta);
          at::Tensor y;
          if (shape_.llama) {  // as transformers has it
            const at::Tensor wide = residual.to(at::kFloat);
            y = weight.mul(wide.mul(wide.mul(wide).mean(-1, true).add(1e-5).rsqrt()).to(dtype_));
          } else {
            y = at::layer_norm(residual, {shape_.width}, weight, bias, 1e-5);
          }
          y.mul(gy).sum().add(residual.mul(gr).sum()).backward();
        });
  }

  void activation_rows() {
    const at::Tensor grad = random({shape_.n(), shape_.ffn});
    const at::Tensor x = random({shape_.n(), shape_.llama ? 2 * shape_.ffn : shape_.ffn});
    const at::Tensor leaf = x.detach().clone().requires_grad_(true);
    row(
        "activation",
        [&] {
          if (shape_.llama) {
            swiglu_forward(x);
            swiglu_backward(grad, x);
          } else {
            gelu_forward(x, Gelu::kTanh);
            gelu_backward(grad, x, Gelu::kTanh);
          }
        },
        [&] {
          const at::Tensor y = shape_.llama ? at::silu(leaf.narrow(1, 0, shape_.ffn))
                                                  .mul(leaf.narrow(1, shape_.ffn, shape_.ffn))
                                            : at::gelu(leaf, "tanh");
          y.backward(grad);
        });
  }

  void attention_rows() {
    const int64_t all = shape_.heads + 2 * shape_.kv_heads;
    at::Tensor qkv = random({shape_.rows, shape_.time, all, shape_.head_dim});
    const auto pieces = [&](const at::Tensor& x) {
      return QueryKeyValue{x.narrow(2, 0, shape_.heads), x.narrow(2, shape_.heads, shape_.kv_heads),
                           x.narrow(2, shape_.heads + shape_.kv_heads, shape_.kv_heads)};
    };
    const at::Tensor grad = random({shape_.rows, shape_.time, shape_.heads, shape_.head_dim});
    const at::Tensor leaf = qkv.detach().clone().requires_grad_(true);
    const QueryKeyValue in = pieces(qkv);
    const AttentionForward saved = attention_forward(in, {});
    at::Tensor grad_qkv = at::empty_like(qkv);
    QueryKeyValue grads = pieces(grad_qkv);
    const auto plain = [&] {
      const QueryKeyValue p = pieces(leaf);
      const int64_t group = shape_.heads / shape_.kv_heads;
      const auto repeated = [&](const at::Tensor& x) {
        return group == 1 ? x.transpose(1, 2) : x.repeat_interleave(group, 2).transpose(1, 2);
      };
      return at::scaled_dot_product_attention(p.q_bthd.transpose(1, 2), repeated(p.k_btkd),
                                              repeated(p.v_btkd), {}, 0.0, true);
    };
    row(
        "attention forward", [&] { attention_forward(in, {}); },
        [&] {
          const at::NoGradGuard no_graph;
          plain();
        });
    row(
        "attention both",
        [&] {
          const AttentionForward forward = attention_forward(in, {});
          attention_backward(grad, in, forward, {}, grads);
        },
        [&] { plain().backward(grad.transpose(1, 2)); });
    if (!shape_.llama) return;
    const RopeTable table(shape_.head_dim, shape_.time, 10000.0, {});
    const at::Tensor positions = at::arange(shape_.n(), at::kLong).remainder(shape_.time);
    at::Tensor flat = qkv.view({shape_.n(), -1});
    const at::Tensor cos = at::cat({table.cos_ph(), table.cos_ph()}, 1).unsqueeze(1).to(dtype_);
    row(
        "rope, both ways",
        [&] {
          rotate_in_place(flat, positions, table, shape_.heads + shape_.kv_heads, Turn::kForward);
          rotate_in_place(flat, positions, table, shape_.heads + shape_.kv_heads, Turn::kBack);
        },
        [&] {
          const at::Tensor x = leaf.narrow(2, 0, shape_.heads + shape_.kv_heads);
          const int64_t half = shape_.head_dim / 2;
          const at::Tensor turned =
              at::cat({x.narrow(3, half, half).neg(), x.narrow(3, 0, half)}, 3);
          const at::Tensor y = x.mul(cos).add(turned.mul(cos));
          y.backward(y.detach());
        });
  }

  void cross_entropy_rows() {
    const at::Tensor h = random({shape_.n(), shape_.width}),
                     w = random({shape_.vocab, shape_.width});
    const at::Tensor targets = at::arange(shape_.n(), at::kLong).mul(31).remainder(shape_.vocab);
    const at::Tensor grad = at::randn({shape_.n()});
    at::Tensor logits = linear(h, w, {});
    const at::Tensor leaf = logits.detach().clone().requires_grad_(true);
    row(
        "cross-entropy",
        [&] {
          const auto result =
              finish_logprobs(logit_partials(logits, targets, 0, 1.0, false), targets);
          logits_to_gradient_(logits, result.logsum_n, targets, grad, 0, 1.0);
        },
        [&] {
          leaf.to(at::kFloat)
              .log_softmax(-1)
              .gather(1, targets.unsqueeze(1))
              .squeeze(1)
              .backward(grad);
        });
  }

  const Shape& shape_;
  at::ScalarType dtype_;
};

}  // namespace
}  // namespace strata::kernels

int main() {
  strata::base::tune_allocator();
  strata::kernels::reuse_host_memory();
  at::set_num_threads(1);
  const strata::kernels::Shape shapes[] = {
      {"small llama 16x256", 16, 256, 256, 8, 4, 32, 688, 4096, true},
      {"GPT-2 124M 4x256", 4, 256, 768, 12, 12, 64, 3072, 50257, false}};
  for (const auto dtype : {at::kFloat, at::kBFloat16})
    for (const auto& shape : shapes) strata::kernels::Comparison(shape, dtype).run();
}
