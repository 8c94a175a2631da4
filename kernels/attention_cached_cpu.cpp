// Attention of a few new queries over a cache of keys and values: memory-bound, one pass over the
// cache per group of heads.
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "kernels/attention_blocks.h"
#include "kernels/attention_cpu.h"
#include "kernels/threads.h"

namespace strata::kernels {
namespace {

/// The places of one row's cache that a query sees: [begin, end).
struct Seen {
  int64_t begin, end;
};

const char* cached_row(const at::Tensor& x_bskd, int64_t b, int64_t place, int64_t head) {
  const int64_t at = b * x_bskd.stride(0) + place * x_bskd.stride(1) + head * x_bskd.stride(2);
  return static_cast<const char*>(x_bskd.const_data_ptr()) +
         at * static_cast<int64_t>(x_bskd.element_size());
}

/// softmax(q k^T) v of one query head over the places it sees, into `out`, still to be divided by
/// the sum, which is returned. q is already scaled, fp32.
float attend_one(const float* q, const at::Tensor& k_bskd, const at::Tensor& v_bskd, int64_t b,
                 int64_t kv_head, Seen seen, std::vector<float>& scores, std::vector<float>& out) {
  const int64_t width = k_bskd.size(3), count = seen.end - seen.begin;
  const bool bf16 = k_bskd.scalar_type() == at::kBFloat16;
  scores.resize(static_cast<size_t>(count));
  blocks::dot_rows(q, cached_row(k_bskd, b, seen.begin, kv_head), bf16, k_bskd.stride(1), count,
                   width, scores.data());
  float max = -INFINITY, sum = 0;
  blocks::softmax_rows(1, count, count, scores.data(), &max, &sum, out.data(), 0);
  blocks::weigh_rows(scores.data(), cached_row(v_bskd, b, seen.begin, kv_head), bf16,
                     v_bskd.stride(1), count, width, out.data());
  return sum;
}

}  // namespace

at::Tensor cpu::attention_cached(const at::Tensor& q_bthd, const at::Tensor& k_bskd,
                                 const at::Tensor& v_bskd, const at::Tensor& start_b, double scale,
                                 int64_t window) {
  const int64_t rows = q_bthd.size(0), queries = q_bthd.size(1), heads = q_bthd.size(2),
                width = q_bthd.size(3), group = heads / k_bskd.size(2);
  base::ensure(start_b.is_cpu() && start_b.numel() == rows, "attention_cached: a start per row");
  base::ensure(k_bskd.stride(3) == 1 && v_bskd.stride(3) == 1 && q_bthd.stride(3) == 1,
               "attention_cached: dense heads");
  const int64_t* starts = start_b.const_data_ptr<int64_t>();
  const bool bf16 = q_bthd.scalar_type() == at::kBFloat16;
  const auto factor =
      static_cast<float>(scale > 0 ? scale : 1 / std::sqrt(static_cast<double>(width)));
  at::Tensor out_bthd = at::empty_like(q_bthd, at::MemoryFormat::Contiguous);
  char* outs = static_cast<char*>(out_bthd.mutable_data_ptr());

  parallel_for(0, rows * queries * heads, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> scores, q(width), out(width);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i % heads, t = i / heads % queries, b = i / (heads * queries);
      const int64_t last = starts[b] + t;
      base::ensure(last < k_bskd.size(1), "attention_cached: the cache is too short");
      const Seen seen{window > 0 ? std::max<int64_t>(0, last - window + 1) : 0, last + 1};
      blocks::widen_rows(cached_row(q_bthd, b, t, head), bf16, width, 1, width, factor, q.data(),
                         width);
      const float sum = attend_one(q.data(), k_bskd, v_bskd, b, head / group, seen, scores, out);
      blocks::narrow_rows(out.data(), width, 1, width, 1.0f / sum,
                          outs + i * width * (bf16 ? 2 : 4), bf16, width);
    }
  });
  return out_bthd;
}

}  // namespace strata::kernels
