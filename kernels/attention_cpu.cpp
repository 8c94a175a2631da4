#include "kernels/attention_cpu.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "kernels/attention_blocks.h"
#include "kernels/attention_mask.h"
#include "kernels/dropout.h"
#include "kernels/philox.h"
#include "kernels/threads.h"

namespace strata::kernels {
namespace {

constexpr int64_t kQueries = 48,
                  kKeys = 64;  // of a block: its scores fill a third of the first cache
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

int64_t rounded_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

/// One head of a [b, t, heads, d] tensor: rows of `d` elements, `stride` elements apart.
struct HeadRows {
  char* data;
  bool bf16;
  int64_t stride;

  HeadRows(const at::Tensor& x_bthd, int64_t b, int64_t head)
      : data(static_cast<char*>(const_cast<void*>(x_bthd.const_data_ptr())) +
             (b * x_bthd.stride(0) + head * x_bthd.stride(2)) *
                 static_cast<int64_t>(x_bthd.element_size())),
        bf16(x_bthd.scalar_type() == at::kBFloat16),
        stride(x_bthd.stride(1)) {}

  void* row(int64_t i) const { return data + i * stride * (bf16 ? 2 : 4); }
};

/// The sizes of a problem and what every block of it needs.
struct Problem {
  int64_t rows, queries, keys, heads, kv_heads, width;  // width: head_dim
  int64_t padded;                                       // width in floats, a multiple of 8
  int64_t padded_keys;
  float scale;
  const AttentionOptions& options;
  std::vector<RowMask> masks;  // one per row, or one for all where there are no documents

  Problem(const QueryKeyValue& in, const AttentionOptions& options)
      : rows(in.q_bthd.size(0)),
        queries(in.q_bthd.size(1)),
        keys(in.k_btkd.size(1)),
        heads(in.q_bthd.size(2)),
        kv_heads(in.k_btkd.size(2)),
        width(in.q_bthd.size(3)),
        padded(rounded_up(width, 8)),
        padded_keys(rounded_up(keys, kKeys)),
        scale(static_cast<float>(options.scale > 0 ? options.scale
                                                   : 1 / std::sqrt(static_cast<double>(width)))),
        options(options) {
    const int64_t different = options.mask.document_bt.defined() ? rows : 1;
    for (int64_t b = 0; b < different; ++b)
      masks.emplace_back(options.mask, b, queries, keys, kKeys);
  }

  const RowMask& mask(int64_t b) const { return masks[masks.size() == 1 ? 0 : b]; }

  /// Calls f(row, key head) for all of them, divided among the threads.
  template <class F>
  void for_each_group(const F& f) const {
    parallel_for(0, rows * kv_heads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) f(i / kv_heads, i % kv_heads);
    });
  }
  int64_t group() const { return heads / kv_heads; }
};

/// Keys or values of one head in fp32, and where asked for the same turned over: blocks [d, kKeys].
class KeyPanel {
 public:
  KeyPanel(const Problem& p, const HeadRows& x, bool turned)
      : padded_(p.padded), rows_(static_cast<size_t>(p.padded_keys * p.padded)) {
    blocks::widen_rows(x.data, x.bf16, x.stride, p.keys, p.width, 1.0f, rows_.data(), p.padded);
    if (!turned) return;
    turned_.resize(rows_.size());
    for (int64_t first = 0; first < p.padded_keys; first += kKeys)
      for (int64_t j = 0; j < kKeys; ++j)
        for (int64_t i = 0; i < padded_; ++i)
          turned_[first * padded_ + i * kKeys + j] = rows_[(first + j) * padded_ + i];
  }
  const float* rows(int64_t first_key) const { return rows_.data() + first_key * padded_; }
  const float* turned(int64_t first_key) const { return turned_.data() + first_key * padded_; }

 private:
  int64_t padded_;
  std::vector<float> rows_, turned_;
};

/// Multiplies a block of weights by its dropout mask, which names alone decide.
class BlockDropout {
 public:
  BlockDropout(const AttentionDropout& dropout, int64_t head)
      : on_(dropout.p > 0),
        threshold_(dropout_threshold(dropout.p)),
        scale_(static_cast<float>(1 / (1 - dropout.p))),
        key_(attention_dropout_key(dropout, head)),
        tokens_(on_ ? &dropout.token_bt : nullptr) {}

  bool on() const { return on_; }

  void apply(const RowMask& mask, int64_t b, int64_t first_query, int64_t queries,
             int64_t first_key, float* weights) const {
    for (int64_t i = 0; i < queries; ++i)
      apply_row(mask, b, first_query + i, first_key, weights + i * kKeys);
  }

 private:
  void apply_row(const RowMask& mask, int64_t b, int64_t query, int64_t first_key,
                 float* weights) const {
    const auto token =
        static_cast<uint64_t>(tokens_->const_data_ptr<int64_t>()[b * tokens_->size(1) + query]);
    uint32_t draws[4 * kPhiloxLanes];
    for (int64_t j = 0; j < kKeys;) {  // runs of neighbouring places
      const int32_t place = mask.key_place(first_key + j);
      int64_t run = 1;
      while (j + run < kKeys && mask.key_place(first_key + j + run) == place + run) ++run;
      philox_run(key_, token, static_cast<uint64_t>(place / 4), draws);
      blocks::drop_row(weights + j, draws + place % 4, threshold_, scale_, run);
      j += run;
    }
  }

  bool on_;
  uint32_t threshold_;
  float scale_;
  uint64_t key_;
  const at::Tensor* tokens_;
};

/// A block of scores [queries, keys], rows kKeys apart: q times keys, with -inf where a query does
/// not see a key.
void fill_scores(const Problem& p, const RowMask& mask, Sight sight, const float* q,
                 int64_t first_query, int64_t queries, const KeyPanel& k, int64_t first_key,
                 int64_t keys, float* scores) {
  blocks::product(queries, keys, p.padded, {q, p.padded, 1}, k.turned(first_key), kKeys, scores,
                  kKeys, false);
  if (sight == Sight::kAll) return;
  for (int64_t i = 0; i < queries; ++i)
    mask.apply(first_query + i, first_key / kKeys, keys, scores + i * kKeys);
}

class ForwardHead {
 public:
  explicit ForwardHead(const Problem& p)
      : p_(p),
        q_(static_cast<size_t>(kQueries * p.padded)),
        out_(q_.size()),
        scores_(static_cast<size_t>(kQueries * kKeys)),
        max_(kQueries),
        sum_(kQueries) {}

  /// One block of queries against all keys that it sees.
  void run(const RowMask& mask, const BlockDropout& dropout, int64_t b, const HeadRows& q,
           const KeyPanel& k, const KeyPanel& v, int64_t first_query, const HeadRows& out,
           float* logsum) {
    const int64_t queries = std::min(kQueries, p_.queries - first_query);
    blocks::widen_rows(q.row(first_query), q.bf16, q.stride, queries, p_.width, p_.scale, q_.data(),
                       p_.padded);
    std::fill(out_.begin(), out_.end(), 0.0f);
    std::fill(max_.begin(), max_.end(), kMinusInfinity);
    std::fill(sum_.begin(), sum_.end(), 0.0f);
    const RowMask::Extent extent = mask.queries(first_query, queries);
    for (int64_t first_key = 0; first_key < p_.padded_keys; first_key += kKeys) {
      const Sight sight = mask.sight(extent, first_key / kKeys);
      if (sight == Sight::kNone) continue;
      const int64_t keys = mask.reach(extent, first_key / kKeys);
      fill_scores(p_, mask, sight, q_.data(), first_query, queries, k, first_key, keys,
                  scores_.data());
      blocks::softmax_rows(queries, keys, kKeys, scores_.data(), max_.data(), sum_.data(),
                           out_.data(), p_.padded);
      if (dropout.on()) dropout.apply(mask, b, first_query, queries, first_key, scores_.data());
      blocks::product(queries, p_.padded, keys, {scores_.data(), kKeys, 1}, v.rows(first_key),
                      p_.padded, out_.data(), p_.padded, true);
    }
    for (int64_t i = 0; i < queries; ++i) {
      const float inverse = sum_[i] > 0 ? 1 / sum_[i] : 0.0f;
      blocks::narrow_rows(out_.data() + i * p_.padded, p_.padded, 1, p_.width, inverse,
                          out.row(first_query + i), out.bf16, out.stride);
      logsum[first_query + i] = sum_[i] > 0 ? max_[i] + std::log(sum_[i]) : kMinusInfinity;
    }
  }

 private:
  const Problem& p_;
  std::vector<float> q_, out_, scores_, max_, sum_;
};

class BackwardGroup {
 public:
  explicit BackwardGroup(const Problem& p)
      : p_(p),
        q_(static_cast<size_t>(kQueries * p.padded)),
        grad_out_(q_.size()),
        out_(q_.size()),
        grad_q_(q_.size()),
        weights_(static_cast<size_t>(kQueries * kKeys)),
        dropped_(weights_.size()),
        grad_weights_(weights_.size()),
        grad_k_(static_cast<size_t>(p.padded_keys * p.padded)),
        grad_v_(grad_k_.size()) {}

  /// One block of queries of one head: writes its gradient, adds to those of keys and values.
  void run(const RowMask& mask, const BlockDropout& dropout, int64_t b, const HeadRows& q,
           const KeyPanel& k, const KeyPanel& v, const HeadRows& grad_out, const HeadRows& out,
           const float* logsum, int64_t first_query, const HeadRows& grad_q) {
    const int64_t queries = std::min(kQueries, p_.queries - first_query);
    take(q, first_query, queries, p_.scale, q_);
    take(grad_out, first_query, queries, 1.0f, grad_out_);
    take(out, first_query, queries, 1.0f, out_);
    std::fill(grad_q_.begin(), grad_q_.end(), 0.0f);
    float dots[kQueries];
    for (int64_t i = 0; i < queries; ++i)
      dots[i] = blocks::dot_row(row(grad_out_, i), row(out_, i), p_.padded);

    const RowMask::Extent extent = mask.queries(first_query, queries);
    for (int64_t first_key = 0; first_key < p_.padded_keys; first_key += kKeys) {
      const Sight sight = mask.sight(extent, first_key / kKeys);
      if (sight == Sight::kNone) continue;
      const int64_t keys = mask.reach(extent, first_key / kKeys);
      fill_scores(p_, mask, sight, q_.data(), first_query, queries, k, first_key, keys,
                  weights_.data());
      blocks::product(queries, keys, p_.padded, {grad_out_.data(), p_.padded, 1},
                      v.turned(first_key), kKeys, grad_weights_.data(), kKeys, false);
      blocks::probabilities_rows(queries, keys, kKeys, weights_.data(), logsum + first_query);
      if (dropout.on()) {
        dropped_ = weights_;
        dropout.apply(mask, b, first_query, queries, first_key, dropped_.data());
        dropout.apply(mask, b, first_query, queries, first_key, grad_weights_.data());
      }
      blocks::softmax_grad_rows(queries, keys, kKeys, grad_weights_.data(), weights_.data(), dots);
      const float* used = (dropout.on() ? dropped_ : weights_).data();
      float* grad_k = grad_k_.data() + first_key * p_.padded;
      float* grad_v = grad_v_.data() + first_key * p_.padded;
      blocks::product(keys, p_.padded, queries, {used, 1, kKeys}, grad_out_.data(), p_.padded,
                      grad_v, p_.padded, true);
      blocks::product(keys, p_.padded, queries, {grad_weights_.data(), 1, kKeys}, q_.data(),
                      p_.padded, grad_k, p_.padded, true);
      blocks::product(queries, p_.padded, keys, {grad_weights_.data(), kKeys, 1}, k.rows(first_key),
                      p_.padded, grad_q_.data(), p_.padded, true);
    }
    blocks::narrow_rows(grad_q_.data(), p_.padded, queries, p_.width, p_.scale,
                        grad_q.row(first_query), grad_q.bf16, grad_q.stride);
  }

  /// After all heads of the group. The scale of the scores is already in q.
  void write(const HeadRows& grad_k, const HeadRows& grad_v) {
    blocks::narrow_rows(grad_k_.data(), p_.padded, p_.keys, p_.width, 1.0f, grad_k.data,
                        grad_k.bf16, grad_k.stride);
    blocks::narrow_rows(grad_v_.data(), p_.padded, p_.keys, p_.width, 1.0f, grad_v.data,
                        grad_v.bf16, grad_v.stride);
  }

 private:
  void take(const HeadRows& x, int64_t first, int64_t count, float scale, std::vector<float>& to) {
    blocks::widen_rows(x.row(first), x.bf16, x.stride, count, p_.width, scale, to.data(),
                       p_.padded);
  }
  const float* row(const std::vector<float>& x, int64_t i) const {
    return x.data() + i * p_.padded;
  }

  const Problem& p_;
  std::vector<float> q_, grad_out_, out_, grad_q_, weights_, dropped_, grad_weights_, grad_k_,
      grad_v_;
};

}  // namespace

void cpu::attention_forward(const QueryKeyValue& in, const AttentionOptions& options,
                            AttentionForward& result) {
  const Problem p(in, options);
  float* logsums = result.logsum_bht.data_ptr<float>();
  p.for_each_group([&](int64_t b, int64_t kv_head) {
    const RowMask& mask = p.mask(b);
    const KeyPanel k(p, HeadRows(in.k_btkd, b, kv_head), true);
    const KeyPanel v(p, HeadRows(in.v_btkd, b, kv_head), false);
    ForwardHead blocks(p);
    for (int64_t head = kv_head * p.group(); head < (kv_head + 1) * p.group(); ++head) {
      const BlockDropout dropout(options.dropout, head);
      const HeadRows q(in.q_bthd, b, head), out(result.out_bthd, b, head);
      for (int64_t first = 0; first < p.queries; first += kQueries)
        blocks.run(mask, dropout, b, q, k, v, first, out,
                   logsums + (b * p.heads + head) * p.queries);
    }
  });
}

void cpu::attention_backward(const at::Tensor& grad_out_bthd, const QueryKeyValue& in,
                             const AttentionForward& forward, const AttentionOptions& options,
                             QueryKeyValue& grads) {
  const Problem p(in, options);
  const float* logsums = forward.logsum_bht.const_data_ptr<float>();
  p.for_each_group([&](int64_t b, int64_t kv_head) {
    const RowMask& mask = p.mask(b);
    const KeyPanel k(p, HeadRows(in.k_btkd, b, kv_head), true);
    const KeyPanel v(p, HeadRows(in.v_btkd, b, kv_head), true);
    BackwardGroup group(p);
    for (int64_t head = kv_head * p.group(); head < (kv_head + 1) * p.group(); ++head) {
      const BlockDropout dropout(options.dropout, head);
      const HeadRows q(in.q_bthd, b, head), grad_out(grad_out_bthd, b, head),
          out(forward.out_bthd, b, head), grad_q(grads.q_bthd, b, head);
      for (int64_t first = 0; first < p.queries; first += kQueries)
        group.run(mask, dropout, b, q, k, v, grad_out, out,
                  logsums + (b * p.heads + head) * p.queries, first, grad_q);
    }
    group.write(HeadRows(grads.k_btkd, b, kv_head), HeadRows(grads.v_btkd, b, kv_head));
  });
}

}  // namespace strata::kernels
