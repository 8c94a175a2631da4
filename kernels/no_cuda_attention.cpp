// Attention on the GPU in a program without one: no tensor of a GPU can get here.
#include "base/error.h"
#include "kernels/attention_cuda.h"

namespace strata::kernels::cuda {
namespace {
[[noreturn]] void refuse_attention() {
  throw base::InternalError("this program has no GPU attention");
}
}  // namespace

void attention_forward(const QueryKeyValue&, const AttentionOptions&, AttentionForward&) {
  refuse_attention();
}

void attention_backward(const at::Tensor&, const QueryKeyValue&, const AttentionForward&,
                        const AttentionOptions&, QueryKeyValue&) {
  refuse_attention();
}

at::Tensor attention_cached(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                            const at::Tensor&, double, int64_t) {
  refuse_attention();
}

}  // namespace strata::kernels::cuda
