// The loops of raw.h in a program without a GPU: no tensor of a GPU can get here.
#include "base/error.h"
#include "kernels/raw.h"

namespace strata::kernels::cuda {
namespace {
[[noreturn]] void refuse() { throw base::InternalError("this program has no GPU kernels"); }
}  // namespace

void norm_forward(const NormForwardRaw&) { refuse(); }
void norm_backward(const NormBackwardRaw&) { refuse(); }
void rope(const RopeRaw&) { refuse(); }
void swiglu(const SwigluRaw&) { refuse(); }
void gelu(const GeluRaw&) { refuse(); }
void dropout(const DropoutRaw&) { refuse(); }
void noise(const NoiseRaw&) { refuse(); }
void logit_partials(const LogitPartialsRaw&) { refuse(); }
void logit_gradient(const LogitGradientRaw&) { refuse(); }

}  // namespace strata::kernels::cuda
