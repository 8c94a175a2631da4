// From tensors to the raw pointers of raw.h: dtype checks and the choice of the device.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/error.h"

namespace strata::kernels {

/// Whether the elements are bf16; InternalError where they are neither that nor fp32.
inline bool is_bf16(const at::Tensor& x) {
  const bool bf16 = x.scalar_type() == at::kBFloat16;
  base::ensure(bf16 || x.scalar_type() == at::kFloat, "a kernel takes fp32 and bf16 alone");
  return bf16;
}

/// The elements of a contiguous tensor; null where it is undefined.
template <class T = void>
const T* source(const at::Tensor& x) {
  return x.defined() ? static_cast<const T*>(x.const_data_ptr()) : nullptr;
}
template <class T = void>
T* target(const at::Tensor& x) {
  return x.defined() ? static_cast<T*>(x.mutable_data_ptr()) : nullptr;
}

/// Calls the version of the device that `x` lies on.
template <class Raw>
void on_device_of(const at::Tensor& x, const Raw& raw, void (*cpu)(const Raw&),
                  void (*cuda)(const Raw&)) {
  x.is_cuda() ? cuda(raw) : cpu(raw);
}

}  // namespace strata::kernels
