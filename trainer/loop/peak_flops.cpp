#include "trainer/loop/peak_flops.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string_view>

#include "kernels/gpus.h"
#include "kernels/matmul.h"
#include "parallel/comm/collectives.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

double one_product(bool bf16) {
  constexpr int64_t kSize = 1024;  // 12 ms at 175 GFLOP/s
  const auto dtype = bf16 && kernels::cpu_multiplies_bf16() ? at::kBFloat16 : at::kFloat;
  const at::Tensor a = at::ones({kSize, kSize}, dtype), b = at::ones({kSize, kSize}, dtype);
  const auto begin = std::chrono::steady_clock::now();
  at::mm(a, b);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  return 2.0 * kSize * kSize * kSize / taken.count();
}

struct Peak {
  std::string_view part_of_name;
  double fp32, bf16;  ///< fp32 without TF32
};

constexpr std::array<Peak, 6> kPeaks{{
    {"H200", 67e12, 989e12},
    {"H100 PCIe", 51e12, 756e12},
    {"H100", 67e12, 989e12},
    {"A100", 19.5e12, 312e12},
    {"L40S", 91.6e12, 362e12},
    {"V100", 15.7e12, NAN},
}};

double look_up_gpu(std::string_view name, bool bf16) {
  for (const Peak& peak : kPeaks) {
    if (name.find(peak.part_of_name) != std::string_view::npos) return bf16 ? peak.bf16 : peak.fp32;
  }
  return NAN;
}

}  // namespace

PeakFlops::PeakFlops(Session& session) : session_(session) {}

double PeakFlops::measure() {
  const c10::Device device = session_.device();
  const bool bf16 = session_.config().precision.compute == "bf16";
  if (device.is_cuda()) {
    best_ = look_up_gpu(kernels::gpus()[static_cast<size_t>(device.index())].name, bf16);
  } else {
    best_ = std::max(best_, one_product(bf16));
  }
  return parallel::all_sum(session_.world(), best_);
}

}  // namespace strata::trainer
