#include "kernels/rope.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/raw.h"
#include "kernels/raw_tensors.h"

namespace strata::kernels {
namespace {

/// "llama3": long waves are slowed down by `factor`, short ones stay, those between are blended.
double llama3_frequency(double frequency, const RopeScaling& scaling) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const auto original = static_cast<double>(scaling.original_context);
  if (wavelength < original / scaling.high_freq_factor) return frequency;
  if (wavelength > original / scaling.low_freq_factor) return frequency / scaling.factor;
  const double smooth = (original / wavelength - scaling.low_freq_factor) /
                        (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
}

/// Radians per position of each pair; rounded to fp32 where transformers rounds them.
std::vector<float> frequencies(int64_t pairs, double theta, const RopeScaling& scaling) {
  std::vector<float> result(static_cast<size_t>(pairs));
  for (int64_t i = 0; i < pairs; ++i) {
    const double exponent = static_cast<double>(i) / static_cast<double>(pairs);
    const auto plain = static_cast<float>(1.0 / std::pow(theta, exponent));
    if (scaling.type == "linear") {
      result[i] = static_cast<float>(plain / scaling.factor);
    } else if (scaling.type == "llama3") {
      result[i] = static_cast<float>(llama3_frequency(plain, scaling));
    } else {
      base::ensure(scaling.type == "default", "rope scaling is default, linear or llama3");
      result[i] = plain;
    }
  }
  return result;
}

}  // namespace

RopeTable::RopeTable(int64_t head_dim, int64_t context, double theta, const RopeScaling& scaling,
                     at::Device device)
    : head_dim_(head_dim) {
  base::ensure(head_dim % 2 == 0, "rope turns pairs: head_dim must be even");
  const int64_t pairs = head_dim / 2;
  const std::vector<float> frequency = frequencies(pairs, theta, scaling);
  cos_ph_ = at::empty({context, pairs}, at::kFloat);
  sin_ph_ = at::empty({context, pairs}, at::kFloat);
  float* cos = cos_ph_.data_ptr<float>();
  float* sin = sin_ph_.data_ptr<float>();
  for (int64_t position = 0; position < context; ++position) {
    for (int64_t i = 0; i < pairs; ++i) {
      const float angle = static_cast<float>(position) * frequency[i];
      cos[position * pairs + i] = std::cos(angle);
      sin[position * pairs + i] = std::sin(angle);
    }
  }
  cos_ph_ = cos_ph_.to(device);
  sin_ph_ = sin_ph_.to(device);
}

void rotate_in_place(at::Tensor& x_nf, const at::Tensor& positions_n, const RopeTable& table,
                     int64_t heads, Turn turn) {
  base::ensure(x_nf.stride(1) == 1 && x_nf.size(1) >= heads * table.head_dim(),
               "rotate_in_place: rows are dense and hold the heads");
  base::ensure(positions_n.scalar_type() == at::kLong && positions_n.is_contiguous() &&
                   positions_n.numel() == x_nf.size(0),
               "rotate_in_place: one int64 position per row");
  const RopeRaw raw{is_bf16(x_nf),
                    x_nf.size(0),
                    x_nf.stride(0),
                    heads,
                    table.head_dim(),
                    target(x_nf),
                    source<int64_t>(positions_n),
                    source<float>(table.cos_ph()),
                    source<float>(table.sin_ph()),
                    turn == Turn::kForward ? 1.0f : -1.0f};
  on_device_of(x_nf, raw, cpu::rope, cuda::rope);
}

}  // namespace strata::kernels
