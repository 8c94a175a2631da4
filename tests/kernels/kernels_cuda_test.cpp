// The GPU twins of the kernels against the CPU ones, in fp32 and bf16.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

#include <functional>

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/cross_entropy.h"
#include "kernels/dropout.h"
#include "kernels/gpus.h"
#include "kernels/noise.h"
#include "kernels/norm.h"
#include "kernels/rope.h"
#include "tests/kernels/tensors.h"

namespace strata::kernels {
namespace {

using strata::testing::expect_close;
using strata::testing::normal;

using Tensors = std::vector<at::Tensor>;

class GpuKernelTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override {
    if (gpus().empty()) GTEST_SKIP() << "no GPU on this machine";
  }

  /// f gives its results for inputs on a device: they must be alike on both.
  void expect_alike(const Tensors& inputs, const std::function<Tensors(const Tensors&)>& f) {
    Tensors on_gpu;
    for (const at::Tensor& x : inputs) on_gpu.push_back(x.to(at::kCUDA));
    const Tensors expected = f(inputs), actual = f(on_gpu);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      expect_close(actual[i].cpu(), expected[i], GetParam() == at::kFloat ? 1e-5 : 2e-2,
                   "result " + std::to_string(i));
  }
  at::Tensor random(at::IntArrayRef shape, const char* name) {
    return normal(shape, name).to(GetParam());
  }
};

TEST_P(GpuKernelTest, Norms) {
  for (const NormKind kind : {NormKind::kRms, NormKind::kLayer}) {
    expect_alike({random({70, 200}, "x"), random({70, 200}, "d"), random({200}, "w"),
                  random({200}, "b"), random({70, 200}, "gy"), random({70, 200}, "gr")},
                 [&](const Tensors& in) {
                   const at::Tensor bias = kind == NormKind::kLayer ? in[3] : at::Tensor();
                   const auto forward = norm_forward(kind, in[0], in[1], in[2], bias, 1e-5);
                   const auto back = norm_backward(kind, in[4], in[5], forward, in[2], true);
                   return Tensors{forward.residual_nd, forward.y_nd, back.grad_residual_nd,
                                  back.grad_weight_d};
                 });
  }
}

TEST_P(GpuKernelTest, Rope) {
  expect_alike({random({5, 64}, "x"), at::tensor({0, 3, 9, 1, 4}, at::kLong)},
               [](const Tensors& in) {
                 at::Tensor x = in[0].clone();
                 const RopeTable table(16, 10, 10000.0, {}, x.device());
                 rotate_in_place(x, in[1], table, 3, Turn::kForward);
                 return Tensors{x};
               });
}

TEST_P(GpuKernelTest, Activations) {
  expect_alike({random({33, 80}, "x"), random({33, 40}, "g"), random({33, 80}, "g2")},
               [](const Tensors& in) {
                 return Tensors{swiglu_forward(in[0]),
                                swiglu_backward(in[1], in[0]),
                                gelu_forward(in[0], Gelu::kTanh),
                                gelu_backward(in[2], in[0], Gelu::kTanh),
                                gelu_forward(in[0], Gelu::kExact),
                                gelu_backward(in[2], in[0], Gelu::kExact)};
               });
}

TEST_P(GpuKernelTest, DropoutDrawsTheSameMask) {
  expect_alike(
      {random({9, 70}, "x"), random({9, 70}, "r"), at::arange(9, at::kLong).add(int64_t{1} << 40)},
      [](const Tensors& in) {
        return Tensors{dropout_add(in[0], in[1], {0.3, 0x123456789abcdef, in[2], 6})};
      });
}

TEST_P(GpuKernelTest, NoiseDrawsTheSame) {
  expect_alike({random({9, 70}, "x"), at::arange(9, at::kLong).add(int64_t{1} << 40),
                at::arange(9, at::kFloat).mul(0.1)},
               [](const Tensors& in) {
                 return Tensors{add_noise(in[0], {0x123456789abcdef, in[1], in[2]})};
               });
}

TEST_P(GpuKernelTest, CrossEntropy) {
  expect_alike(
      {random({6, 301}, "x"), at::tensor({0, 300, -100, 7, 150, 299}, at::kLong), normal({6}, "g")},
      [](const Tensors& in) {
        at::Tensor logits = in[0].clone();
        const auto result = finish_logprobs(logit_partials(logits, in[1], 0, 0.7, true), in[1]);
        logits_to_gradient_(logits, result.logsum_n, in[1], in[2], 0, 0.7);
        return Tensors{result.logprob_n, result.entropy_n, logits};
      });
}

TEST_P(GpuKernelTest, Attention) {
  const at::Tensor documents =
      at::arange(50, at::kLong).ge(20).to(at::kLong).expand({2, 50}).contiguous();
  for (const int64_t window : {0, 9}) {
    for (const bool with_documents : {false, true}) {
      for (const double p : {0.0, 0.3}) {
        expect_alike(
            {random({2, 50, 4, 32}, "q"), random({2, 50, 2, 32}, "k"), random({2, 50, 2, 32}, "v"),
             random({2, 50, 4, 32}, "g"), documents, at::arange(100, at::kLong).view({2, 50})},
            [&](const Tensors& in) {
              AttentionOptions options;
              options.mask.window = window;
              if (with_documents) options.mask.document_bt = in[4];
              options.dropout = {p, 99, in[5], 0};
              const QueryKeyValue qkv{in[0], in[1], in[2]};
              const auto forward = attention_forward(qkv, options);
              QueryKeyValue grads{at::empty_like(in[0]), at::empty_like(in[1]),
                                  at::empty_like(in[2])};
              attention_backward(in[3], qkv, forward, options, grads);
              const at::Tensor cached = attention_cached(
                  in[0].narrow(1, 7, 3), in[1], in[2], at::tensor({7, 30}, at::kLong), 0.0, window);
              return Tensors{forward.out_bthd, grads.q_bthd, grads.k_btkd, grads.v_btkd, cached};
            });
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, GpuKernelTest, ::testing::Values(at::kFloat, at::kBFloat16));

}  // namespace
}  // namespace strata::kernels
