// The dropout on the GPU: a thread for each element, which draws its own Philox block.
#include "kernels/device.cuh"
#include "kernels/raw.h"

namespace strata::kernels::cuda {
namespace {

/// Word `word` of the Philox4x32-10 block with this key and counter; bit-equal to base::philox.
__device__ uint32_t philox_word(uint64_t key, uint64_t low, uint64_t high, int word) {
  uint32_t w[4] = {static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
                   static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)};
  auto key_low = static_cast<uint32_t>(key), key_high = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint32_t first_high = __umulhi(0xd2511f53, w[0]), first_low = 0xd2511f53 * w[0];
    const uint32_t second_high = __umulhi(0xcd9e8d57, w[2]), second_low = 0xcd9e8d57 * w[2];
    w[0] = second_high ^ w[1] ^ key_low;
    w[2] = first_high ^ w[3] ^ key_high;
    w[1] = second_low;
    w[3] = first_low;
    key_low += 0x9e3779b9;
    key_high += 0xbb67ae85;
  }
  return w[word];
}

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
