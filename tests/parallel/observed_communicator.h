// A group of ranks whose operations a test sees, and may lose: it stands before another group and
// hands everything on. Groups split from it are observed alike. Knows no backend and no layer.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "parallel/comm/communicator.h"

namespace strata::tests {

/// Called for every operation of this rank but splits and barriers. `bytes` are those that this
/// rank gives: the whole tensor of a reduction, the own piece of an all-gather, the sent messages
/// of an exchange. False loses the operation: each rank of the group goes on with what it had (all
/// of them must lose it; only reductions can be lost).
using Observer =
    std::function<bool(const parallel::Communicator& group, parallel::CommOp op, int64_t bytes)>;

class ObservedCommunicator : public parallel::Communicator {
 public:
  ObservedCommunicator(std::unique_ptr<parallel::Communicator> behind, Observer observer)
      : Communicator(behind->group()), behind_(std::move(behind)), observer_(std::move(observer)) {}
  c10::Device device() const override { return behind_->device(); }

 private:
  using Op = parallel::CommOp;
  using WorkPtr = parallel::WorkPtr;

  bool passes(Op op, int64_t bytes) const { return observer_(*this, op, bytes); }
  static int64_t bytes_of(const at::Tensor& x) { return static_cast<int64_t>(x.nbytes()); }

  std::unique_ptr<Communicator> do_split(int color, int key, std::string name,
                                         parallel::GroupUse use) override {
    return std::make_unique<ObservedCommunicator>(behind_->split(color, key, std::move(name), use),
                                                  observer_);
  }
  WorkPtr do_all_reduce(at::Tensor& inout, parallel::ReduceOp op) override {
    if (!passes(Op::kAllReduce, bytes_of(inout))) return nullptr;
    return behind_->all_reduce(inout, op);
  }
  WorkPtr do_all_gather(at::Tensor& out, const at::Tensor& in) override {
    passes(Op::kAllGather, bytes_of(in));
    return behind_->all_gather(out, in);
  }
  WorkPtr do_reduce_scatter(at::Tensor& out, const at::Tensor& in, parallel::ReduceOp op) override {
    if (passes(Op::kReduceScatter, bytes_of(in))) return behind_->reduce_scatter(out, in, op);
    out.view({-1}).copy_(in.view({-1}).narrow(0, rank() * out.numel(), out.numel()));
    return nullptr;
  }
  WorkPtr do_all_to_all(at::Tensor& out, const at::Tensor& in, std::span<const int64_t> out_rows,
                        std::span<const int64_t> in_rows) override {
    passes(Op::kAllToAll, bytes_of(in));
    return behind_->all_to_all(out, in, out_rows, in_rows);
  }
  WorkPtr do_broadcast(at::Tensor& inout, int root) override {
    passes(Op::kBroadcast, rank() == root ? bytes_of(inout) : 0);
    return behind_->broadcast(inout, root);
  }
  WorkPtr do_exchange(std::span<const parallel::P2p> messages) override {
    int64_t sent = 0;
    for (const parallel::P2p& message : messages)
      sent += message.send ? bytes_of(*message.tensor) : 0;
    passes(Op::kExchange, sent);
    return behind_->exchange(messages);
  }
  void do_barrier() override { behind_->barrier(); }

  std::unique_ptr<Communicator> behind_;
  Observer observer_;
};

}  // namespace strata::tests
