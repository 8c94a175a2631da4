// The dropout on the GPU: a thread for each element, which draws its own Philox block.
#include "kernels/device.cuh"
#include "kernels/philox.cuh"
#include "kernels/raw.h"

namespace strata::kernels::cuda {
namespace {

template <class T>
__global__ void dropout_elements(DropoutRaw raw, int64_t count) {
  const int64_t index = int64_t{blockIdx.x} * kBlock + threadIdx.x;
  if (index >= count) return;
  const int64_t feature = raw.first_feature + index % raw.width;
  const uint32_t draw =
      philox_word(raw.key, static_cast<uint64_t>(raw.tokens[index / raw.width]),
                  static_cast<uint64_t>(feature / 4), static_cast<int>(feature % 4));
  const float x = load(static_cast<const T*>(raw.x)[index]);
  const float kept = draw < raw.threshold ? 0.0f : x * raw.scale;
  store(static_cast<T*>(raw.out) + index,
        raw.residual ? kept + load(static_cast<const T*>(raw.residual)[index]) : kept);
}

}  // namespace

void dropout(const DropoutRaw& raw) {
  const int64_t count = raw.rows * raw.width;
  if (count == 0) return;
  with_element_type(raw.bf16, [&](auto element) {
    dropout_elements<decltype(element)><<<blocks_for(count), kBlock, 0, stream()>>>(raw, count);
  });
  check_launch("dropout");
}

}  // namespace strata::kernels::cuda
