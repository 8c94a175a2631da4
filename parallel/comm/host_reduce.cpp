#include "parallel/comm/host_reduce.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "base/error.h"

namespace strata::parallel {
namespace {

constexpr int64_t kBlock = 2048;  // elements added up at a time, on the stack

struct Sum {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a + b);
  }
};
// A NaN on any rank must not get lost: neither comparison is true for it.
struct Max {
  template <class T>
  T operator()(T a, T b) const {
    return b > a || b != b ? b : a;
  }
};
struct Min {
  template <class T>
  T operator()(T a, T b) const {
    return b < a || b != b ? b : a;
  }
};

template <class T, class Accumulator, class Combine>
void reduce_as(T* out, std::span<const void* const> parts, int64_t count, Combine combine) {
  Accumulator sums[kBlock];
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t n = std::min(kBlock, count - start);
    const T* __restrict first = static_cast<const T*>(parts[0]) + start;
    for (int64_t i = 0; i < n; ++i) sums[i] = static_cast<Accumulator>(first[i]);
    for (const void* part : parts.subspan(1)) {
      const T* __restrict values = static_cast<const T*>(part) + start;
      for (int64_t i = 0; i < n; ++i)
        sums[i] = combine(sums[i], static_cast<Accumulator>(values[i]));
    }
    T* __restrict result = out + start;
    for (int64_t i = 0; i < n; ++i) result[i] = static_cast<T>(sums[i]);
  }
}

template <class T, class Accumulator = T>
void reduce(void* out, std::span<const void* const> parts, int64_t count, ReduceOp op) {
  T* typed = static_cast<T*>(out);
  switch (op) {
    case ReduceOp::kSum:
      return reduce_as<T, Accumulator>(typed, parts, count, Sum{});
    case ReduceOp::kMax:
      return reduce_as<T, Accumulator>(typed, parts, count, Max{});
    case ReduceOp::kMin:
      return reduce_as<T, Accumulator>(typed, parts, count, Min{});
  }
}

}  // namespace

void reduce_parts(void* out, std::span<const void* const> parts, int64_t count,
                  c10::ScalarType dtype, ReduceOp op) {
  switch (dtype) {
    case c10::ScalarType::Float:
      return reduce<float>(out, parts, count, op);
    case c10::ScalarType::Double:
      return reduce<double>(out, parts, count, op);
    case c10::ScalarType::BFloat16:
      return reduce<c10::BFloat16, float>(out, parts, count, op);
    case c10::ScalarType::Half:
      return reduce<c10::Half, float>(out, parts, count, op);
    case c10::ScalarType::Long:
      return reduce<int64_t>(out, parts, count, op);
    case c10::ScalarType::Int:
      return reduce<int32_t>(out, parts, count, op);
    case c10::ScalarType::Byte:
      return reduce<uint8_t>(out, parts, count, op);
    default:
      throw base::InternalError(
          fmt::format("{} cannot be reduced over ranks", c10::toString(dtype)));
  }
}

}  // namespace strata::parallel
