#include "parallel/comm/self_communicator.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/copy.h>

#include <utility>

#include "parallel/comm/world.h"

namespace strata::parallel {
namespace {

class SelfJob : public Job {
 public:
  bool all_arrive(double) override { return true; }

 private:
  void end_all_ranks(int) override {}
};

class SelfCommunicator : public Communicator {
 public:
  SelfCommunicator(Group group, c10::Device device)
      : Communicator(std::move(group)), device_(device) {}

  c10::Device device() const override { return device_; }

 private:
  std::unique_ptr<Communicator> do_split(int, int, std::string name, GroupUse) override {
    Group part = group();
    part.name = std::move(name);
    return make_group_of_one(std::move(part), device_);
  }

  WorkPtr do_all_reduce(at::Tensor&, ReduceOp) override { return nullptr; }
  WorkPtr do_all_gather(at::Tensor& out, const at::Tensor& in) override { return copy(out, in); }
  WorkPtr do_reduce_scatter(at::Tensor& out, const at::Tensor& in, ReduceOp) override {
    return copy(out, in);
  }
  WorkPtr do_all_to_all(at::Tensor& out, const at::Tensor& in, std::span<const int64_t>,
                        std::span<const int64_t>) override {
    return copy(out, in);
  }
  WorkPtr do_broadcast(at::Tensor&, int) override { return nullptr; }
  WorkPtr do_exchange(std::span<const P2p>) override { return nullptr; }
  void do_barrier() override {}

  static WorkPtr copy(at::Tensor& out, const at::Tensor& in) {
    if (out.data_ptr() != in.data_ptr()) out.view(-1).copy_(in.view(-1));
    return nullptr;
  }

  c10::Device device_;
};

}  // namespace

std::unique_ptr<Communicator> make_group_of_one(Group group, c10::Device device) {
  return std::make_unique<SelfCommunicator>(std::move(group), device);
}

std::unique_ptr<Communicator> make_self() {
  return make_group_of_one({.name = "world",
                            .rank = 0,
                            .world_ranks = {0},
                            .trace = std::make_shared<TraceRing>(0),
                            .job = std::make_shared<SelfJob>()},
                           c10::kCPU);
}

}  // namespace strata::parallel
