#include "parallel/layers/ring_attention.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/logaddexp.h>

#include <optional>
#include <utility>
#include <vector>

#include "parallel/layers/node.h"

namespace strata::parallel {
namespace {

using kernels::AttentionForward;
using kernels::AttentionOptions;
using kernels::QueryKeyValue;

/// Tensors on their way to the next rank of the ring, and those that come from the rank before.
class Handover {
 public:
  Handover(Communicator& ring, Tensors given) : given_(std::move(given)) {
    if (ring.size() == 1) {
      taken_ = given_;
      return;
    }
    const int next = (ring.rank() + 1) % ring.size();
    const int before = (ring.rank() + ring.size() - 1) % ring.size();
    for (const at::Tensor& x : given_) taken_.push_back(at::empty_like(x));
    std::vector<P2p> messages;
    for (size_t i = 0; i < given_.size(); ++i) {
      messages.push_back({.send = true, .tensor = &given_[i], .peer = next, .channel = kKeyValue});
      messages.push_back(
          {.send = false, .tensor = &taken_[i], .peer = before, .channel = kKeyValue});
    }
    work_ = ring.exchange(messages);
  }

  Tensors wait() {
    if (work_) work_->wait();
    work_.reset();
    return std::move(taken_);
  }

 private:
  Tensors given_, taken_;
  WorkPtr work_;
};

/// A block of keys and values with what masks ask about them.
struct KeyBlock {
  at::Tensor k_btkd, v_btkd, place_t;
  at::Tensor document_bt;  // undefined: every row is one document

  explicit KeyBlock(const Tensors& x)
      : k_btkd(x[0]),
        v_btkd(x[1]),
        place_t(x[2]),
        document_bt(x.size() > 3 ? x[3] : at::Tensor()) {}
  KeyBlock(const QueryKeyValue& own, const kernels::AttentionMask& mask)
      : k_btkd(own.k_btkd.contiguous()),
        v_btkd(own.v_btkd.contiguous()),
        place_t(mask.query_place_t),
        document_bt(mask.document_bt) {}

  Tensors parts() const {
    Tensors x{k_btkd, v_btkd, place_t};
    if (document_bt.defined()) x.push_back(document_bt);
    return x;
  }
  AttentionOptions seen_with(AttentionOptions options) const {
    options.mask.key_place_t = place_t;
    options.mask.key_document_bt = document_bt;
    return options;
  }
};

/// Calls f(hop, block) for every rank's keys, the own ones first; the next block travels meanwhile.
template <class F>
void for_each_block(Communicator& ring, KeyBlock block, const F& f) {
  for (int hop = 0; hop < ring.size(); ++hop) {
    std::optional<Handover> next;
    if (hop + 1 < ring.size()) next.emplace(ring, block.parts());
    f(hop, block);
    if (next) block = KeyBlock(next->wait());
  }
}

/// Two softmaxes over different keys become the one over both: each weighs as its part of the sum.
/// whole.out_bthd is fp32; its logsum is finite, since each query has seen its own key.
void merge(AttentionForward& whole, const AttentionForward& part) {
  const at::Tensor logsum_bht = at::logaddexp(whole.logsum_bht, part.logsum_bht);
  const auto share_bth1 = [&](const AttentionForward& some) {
    return some.logsum_bht.sub(logsum_bht).exp().transpose(1, 2).unsqueeze(3);
  };
  whole.out_bthd.mul_(share_bth1(whole)).add_(part.out_bthd.mul(share_bth1(part)));
  whole.logsum_bht = logsum_bht;
}

QueryKeyValue gradients_like(const at::Tensor& q_bthd, const KeyBlock& block) {
  return {at::empty(q_bthd.sizes(), q_bthd.options()), at::empty_like(block.k_btkd),
          at::empty_like(block.v_btkd)};
}

}  // namespace

AttentionForward ring_attention_forward(Communicator& ring, const QueryKeyValue& own,
                                        const AttentionOptions& options) {
  AttentionForward whole;
  for_each_block(ring, KeyBlock(own, options.mask), [&](int hop, const KeyBlock& block) {
    const AttentionForward part = kernels::attention_forward(
        {own.q_bthd, block.k_btkd, block.v_btkd}, block.seen_with(options));
    if (hop == 0) {
      whole = {part.out_bthd.to(at::kFloat), part.logsum_bht};
    } else {
      merge(whole, part);
    }
  });
  whole.out_bthd = whole.out_bthd.to(own.q_bthd.scalar_type());
  return whole;
}

void ring_attention_backward(Communicator& ring, const at::Tensor& grad_out_bthd,
                             const QueryKeyValue& own, const AttentionForward& forward,
                             const AttentionOptions& options, QueryKeyValue& grads) {
  at::Tensor grad_q_bthd;
  // The gradients of a block follow it, one hop behind, and come home after the last.
  std::optional<Handover> following;
  for_each_block(ring, KeyBlock(own, options.mask), [&](int hop, const KeyBlock& block) {
    QueryKeyValue part = gradients_like(own.q_bthd, block);
    kernels::attention_backward(grad_out_bthd, {own.q_bthd, block.k_btkd, block.v_btkd}, forward,
                                block.seen_with(options), part);
    Tensors of_keys{part.k_btkd.to(at::kFloat), part.v_btkd.to(at::kFloat)};
    if (hop == 0) {
      grad_q_bthd = part.q_bthd.to(at::kFloat);
    } else {
      grad_q_bthd.add_(part.q_bthd);
      const Tensors so_far = following->wait();
      for (size_t i = 0; i < of_keys.size(); ++i) of_keys[i].add_(so_far[i]);
    }
    following.emplace(ring, std::move(of_keys));
  });
  const Tensors home = following->wait();
  grads.q_bthd.copy_(grad_q_bthd);
  grads.k_btkd.copy_(home[0]);
  grads.v_btkd.copy_(home[1]);
}

}  // namespace strata::parallel
