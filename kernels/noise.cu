// The noise on the GPU: a thread for each element, which draws its own Philox block.
#include "kernels/device.cuh"
#include "kernels/philox.cuh"
#include "kernels/raw.h"

namespace strata::kernels::cuda {
namespace {

template <class T>
__global__ void noise_elements(NoiseRaw raw, int64_t count) {
  const int64_t index = int64_t{blockIdx.x} * kBlock + threadIdx.x;
  if (index >= count) return;
  const int64_t row = index / raw.width, feature = index % raw.width;
  const uint32_t draw =
      philox_word(raw.key, static_cast<uint64_t>(raw.tokens[row]),
                  static_cast<uint64_t>(feature / 4), static_cast<int>(feature % 4));
  const float unit = raw.bounds[row] * 0x1p-31f;
  store(static_cast<T*>(raw.out) + index,
        load(static_cast<const T*>(raw.x)[index]) +
            static_cast<float>(static_cast<int32_t>(draw)) * unit);
}

}  // namespace

void noise(const NoiseRaw& raw) {
  const int64_t count = raw.rows * raw.width;
  if (count == 0) return;
  with_element_type(raw.bf16, [&](auto element) {
    noise_elements<decltype(element)><<<blocks_for(count), kBlock, 0, stream()>>>(raw, count);
  });
  check_launch("noise");
}

}  // namespace strata::kernels::cuda
