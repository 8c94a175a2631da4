#include "parallel/comm/host_reduce.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "base/error.h"

namespace strata::parallel {
namespace {

constexpr int64_t kReduceBlock = 2048;  // elements added up at a time, on the stack

struct TakeSum {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a + b);
  }
};
// A NaN on any rank must not get lost: neither comparison is true for it.
struct TakeMax {
  template <class T>
  T operator()(T a, T b) const {
    return b > a || b != b ? b : a;
  }
};
struct TakeMin {
  template <class T>
  T operator()(T a, T b) const {
    return b < a || b != b ? b : a;
  }
};

template <class T, class Accumulator, class Combine>
void reduce_as(T* out, std::span<const void* const> parts, int64_t count, Combine combine) {
  Accumulator sums[kReduceBlock];
  for (int64_t start = 0; start < count; start += kReduceBlock) {
    const int64_t n = std::min(kReduceBlock, count - start);
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
void reduce_typed(void* out, std::span<const void* const> parts, int64_t count, ReduceOp op) {
  T* typed = static_cast<T*>(out);
  switch (op) {
    case ReduceOp::kSum:
      return reduce_as<T, Accumulator>(typed, parts, count, TakeSum{});
    case ReduceOp::kMax:
      return reduce_as<T, Accumulator>(typed, parts, count, TakeMax{});
    case ReduceOp::kMin:
      return reduce_as<T, Accumulator>(typed, parts, count, TakeMin{});
  }
}

}  // namespace

void reduce_parts(void* out, std::span<const void* const> parts, int64_t count,
                  c10::ScalarType dtype, ReduceOp op) {
  switch (dtype) {
    case c10::ScalarType::Float:
      return reduce_typed<float>(out, parts, count, op);
    case c10::ScalarType::Double:
      return reduce_typed<double>(out, parts, count, op);
    case c10::ScalarType::BFloat16:
      return reduce_typed<c10::BFloat16, float>(out, parts, count, op);
    case c10::ScalarType::Half:
      return reduce_typed<c10::Half, float>(out, parts, count, op);
    case c10::ScalarType::Long:
      return reduce_typed<int64_t>(out, parts, count, op);
    case c10::ScalarType::Int:
      return reduce_typed<int32_t>(out, parts, count, op);
    case c10::ScalarType::Byte:
      return reduce_typed<uint8_t>(out, parts, count, op);
    default:
      throw base::InternalError(
          fmt::format("{} cannot be reduced over ranks", c10::toString(dtype)));
  }
}

}  // namespace strata::parallel
