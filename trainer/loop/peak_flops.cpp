#include "trainer/loop/peak_flops.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string_view>

#include "kernels/gpus.h"
#include "parallel/comm/collectives.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

/// The best of a few products of about 25 ms in all. In fp32 on either precision: a processor
/// without bf16 units computes bf16 products in fp32, and one with them may then show more than
/// 100%.
double measure_cpu() {
  constexpr int64_t kSize = 768;
  const at::Tensor a = at::ones({kSize, kSize}), b = at::ones({kSize, kSize});
  double best = 0;
  for (int i = 0; i < 4; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    at::mm(a, b);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    best = std::max(best, 2.0 * kSize * kSize * kSize / seconds);
  }
  return best;
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

double peak_flops(Session& session) {
  const bool bf16 = session.config().precision.compute == "bf16";
  const c10::Device device = session.device();
  const double mine =
      device.is_cuda()
          ? look_up_gpu(kernels::gpus()[static_cast<size_t>(device.index())].name, bf16)
          : measure_cpu();
  return parallel::all_sum(session.world(), mine);
}

}  // namespace strata::trainer
