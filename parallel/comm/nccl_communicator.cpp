// The Communicator over NCCL: device memory. Every group has a twin over host memory for what NCCL
// does not do (splits, barriers) and a lane for its collectives; groups made for messages have
// lanes of their own for what a pipeline sends.
#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/comm/nccl_lane.h"
#include "parallel/comm/self_communicator.h"
#include "parallel/comm/world.h"

namespace strata::parallel {
namespace {

ncclDataType_t nccl_type(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return ncclFloat32;
    case at::kDouble:
      return ncclFloat64;
    case at::kBFloat16:
      return ncclBfloat16;
    case at::kHalf:
      return ncclFloat16;
    case at::kLong:
      return ncclInt64;
    case at::kInt:
      return ncclInt32;
    case at::kByte:
    case at::kBool:
      return ncclUint8;
    default:
      throw base::InternalError(fmt::format("{} does not travel over NCCL", c10::toString(dtype)));
  }
}

ncclRedOp_t nccl_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::kMax:
      return ncclMax;
    case ReduceOp::kMin:
      return ncclMin;
    default:
      return ncclSum;
  }
}

bool is_half(at::ScalarType dtype) { return dtype == at::kBFloat16 || dtype == at::kHalf; }

size_t count_of(const at::Tensor& tensor) { return static_cast<size_t>(tensor.numel()); }

ncclComm_t split_comm(ncclComm_t comm, int color, int key) {
  ncclComm_t part = nullptr;
  check_nccl(ncclCommSplit(comm, color, key, &part, nullptr), "ncclCommSplit");
  return part;
}

// Lanes for messages: a rank's send must never wait for its receive, nor an activation for a
// gradient. So each of these channels has lanes by the sender's number, such that a rank never
// sends and receives in the same one around a ring.
class MessageLanes {
 public:
  static constexpr int kColors = 3, kOwnChannels = 2;  // activations and gradients

  MessageLanes(ncclComm_t comm, int rank, c10::Device device) {
    for (auto& lane : lanes_) lane = std::make_unique<NcclLane>(split_comm(comm, 0, rank), device);
  }

  const NcclLane& lane(int channel, int sender, int ranks) const {
    const bool closes_odd_ring = ranks % 2 == 1 && sender == ranks - 1;
    const int color = closes_odd_ring ? 2 : sender % 2;
    return *lanes_[static_cast<size_t>(channel * kColors + color)];
  }

 private:
  std::array<std::unique_ptr<NcclLane>, kOwnChannels * kColors> lanes_;
};

// Several operations in flight as one.
class ManyWork : public Work {
 public:
  explicit ManyWork(std::vector<WorkPtr> parts) : parts_(std::move(parts)) {}
  void wait() override {
    for (const WorkPtr& part : parts_) part->wait();
  }

 private:
  std::vector<WorkPtr> parts_;
};

class NcclCommunicator : public Communicator {
 public:
  NcclCommunicator(Group group, Communicator& host, std::unique_ptr<Communicator> own_host,
                   ncclComm_t comm, c10::Device device, HalfSums half_sums, GroupUse use)
      : Communicator(std::move(group)),
        own_host_(std::move(own_host)),
        host_(host),
        device_(device),
        half_sums_(half_sums),
        collectives_(comm, device) {
    if (use == GroupUse::kMessages)
      messages_ = std::make_unique<MessageLanes>(comm, rank(), device);
  }

  c10::Device device() const override { return device_; }

 private:
  std::unique_ptr<Communicator> do_split(int color, int key, std::string name,
                                         GroupUse use) override {
    auto twin = host_.split(color, key, name + " (host)");
    const bool alone = twin->size() == 1;
    ncclComm_t part = split_comm(collectives_.comm(), alone ? NCCL_SPLIT_NOCOLOR : color, key);
    Group members{.name = std::move(name),
                  .rank = twin->rank(),
                  .world_ranks = twin->world_ranks(),
                  .trace = group().trace,
                  .job = group().job};
    if (alone) return make_group_of_one(std::move(members), device_);
    Communicator& host = *twin;
    return std::make_unique<NcclCommunicator>(std::move(members), host, std::move(twin), part,
                                              device_, half_sums_, use);
  }

  // Calls `reduce(in, out, stream)` with fp32 copies in place of halves where sums are to be made
  // in fp32.
  template <class Reduce>
  WorkPtr run_reduction(at::Tensor& out, const at::Tensor& in, ReduceOp op, Reduce reduce) {
    const bool widen =
        half_sums_ == HalfSums::kFloat32 && op == ReduceOp::kSum && is_half(in.scalar_type());
    return collectives_.run({out, in}, trace(), [&](cudaStream_t stream) {
      if (!widen) return reduce(in, out, stream);
      const at::Tensor wide_in = in.to(at::kFloat);
      at::Tensor wide_out = out.is_same(in) ? wide_in : out.to(at::kFloat);
      reduce(wide_in, wide_out, stream);
      out.copy_(wide_out);
    });
  }

  WorkPtr do_all_reduce(at::Tensor& inout, ReduceOp op) override {
    return run_reduction(
        inout, inout, op, [&](const at::Tensor& in, const at::Tensor& out, cudaStream_t stream) {
          check_nccl(
              ncclAllReduce(in.const_data_ptr(), out.data_ptr(), count_of(in),
                            nccl_type(in.scalar_type()), nccl_op(op), collectives_.comm(), stream),
              "ncclAllReduce");
        });
  }

  WorkPtr do_reduce_scatter(at::Tensor& out, const at::Tensor& in, ReduceOp op) override {
    return run_reduction(out, in, op,
                         [&](const at::Tensor& from, const at::Tensor& to, cudaStream_t stream) {
                           check_nccl(ncclReduceScatter(from.const_data_ptr(), to.data_ptr(),
                                                        count_of(to), nccl_type(from.scalar_type()),
                                                        nccl_op(op), collectives_.comm(), stream),
                                      "ncclReduceScatter");
                         });
  }

  WorkPtr do_all_gather(at::Tensor& out, const at::Tensor& in) override {
    return collectives_.run({out, in}, trace(), [&](cudaStream_t stream) {
      check_nccl(ncclAllGather(in.const_data_ptr(), out.data_ptr(), count_of(in),
                               nccl_type(in.scalar_type()), collectives_.comm(), stream),
                 "ncclAllGather");
    });
  }

  WorkPtr do_all_to_all(at::Tensor& out, const at::Tensor& in, std::span<const int64_t> out_rows,
                        std::span<const int64_t> in_rows) override {
    const auto row_bytes = [](const at::Tensor& t) {
      return t.numel() == 0 ? 0 : t.nbytes() / static_cast<size_t>(t.dim() == 0 ? 1 : t.size(0));
    };
    return collectives_.run({out, in}, trace(), [&](cudaStream_t stream) {
      const char* from = static_cast<const char*>(in.const_data_ptr());
      char* to = static_cast<char*>(out.data_ptr());
      check_nccl(ncclGroupStart(), "ncclGroupStart");
      for (int peer = 0; peer < size(); ++peer) {
        const size_t sent = static_cast<size_t>(in_rows[static_cast<size_t>(peer)]) * row_bytes(in);
        const size_t got =
            static_cast<size_t>(out_rows[static_cast<size_t>(peer)]) * row_bytes(out);
        if (sent > 0) {
          check_nccl(ncclSend(from, sent, ncclUint8, peer, collectives_.comm(), stream),
                     "ncclSend");
        }
        if (got > 0) {
          check_nccl(ncclRecv(to, got, ncclUint8, peer, collectives_.comm(), stream), "ncclRecv");
        }
        from += sent;
        to += got;
      }
      check_nccl(ncclGroupEnd(), "ncclGroupEnd");
    });
  }

  WorkPtr do_broadcast(at::Tensor& inout, int root) override {
    return collectives_.run({inout}, trace(), [&](cudaStream_t stream) {
      check_nccl(ncclBroadcast(inout.const_data_ptr(), inout.data_ptr(), inout.nbytes(), ncclUint8,
                               root, collectives_.comm(), stream),
                 "ncclBroadcast");
    });
  }

  WorkPtr do_exchange(std::span<const P2p> messages) override {
    // Messages of one lane form one NCCL group: within it, none waits for another.
    std::vector<std::pair<const NcclLane*, std::vector<P2p>>> by_lane;
    for (const P2p& message : messages) {
      const NcclLane* lane = &lane_of(message);
      if (by_lane.empty() || by_lane.back().first != lane) by_lane.push_back({lane, {}});
      by_lane.back().second.push_back(message);
    }
    std::vector<WorkPtr> started;
    for (const auto& [lane, part] : by_lane) started.push_back(exchange_in(*lane, part));
    return std::make_unique<ManyWork>(std::move(started));
  }

  WorkPtr exchange_in(const NcclLane& lane, const std::vector<P2p>& messages) {
    std::vector<at::Tensor> tensors;
    for (const P2p& message : messages) tensors.push_back(*message.tensor);
    return lane.run(tensors, trace(), [&](cudaStream_t stream) {
      check_nccl(ncclGroupStart(), "ncclGroupStart");
      for (const P2p& message : messages) {
        const at::Tensor& tensor = *message.tensor;
        if (message.send) {
          check_nccl(ncclSend(tensor.const_data_ptr(), tensor.nbytes(), ncclUint8, message.peer,
                              lane.comm(), stream),
                     "ncclSend");
        } else {
          check_nccl(ncclRecv(tensor.data_ptr(), tensor.nbytes(), ncclUint8, message.peer,
                              lane.comm(), stream),
                     "ncclRecv");
        }
      }
      check_nccl(ncclGroupEnd(), "ncclGroupEnd");
    });
  }

  const NcclLane& lane_of(const P2p& message) const {
    if (messages_ == nullptr || message.channel >= MessageLanes::kOwnChannels) return collectives_;
    return messages_->lane(message.channel, message.send ? rank() : message.peer, size());
  }

  void do_barrier() override { host_.barrier(); }

  std::unique_ptr<Communicator> own_host_;  // null in the world, whose twin is the bootstrap
  Communicator& host_;
  c10::Device device_;
  HalfSums half_sums_;
  NcclLane collectives_;
  std::unique_ptr<MessageLanes> messages_;
};

ncclUniqueId agree_on_id(Communicator& host) {
  ncclUniqueId id{};
  if (host.rank() == 0) check_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId");
  const std::string bytes = broadcast_string(host, std::string(id.internal, sizeof id.internal));
  std::memcpy(id.internal, bytes.data(), sizeof id.internal);
  return id;
}

}  // namespace

std::unique_ptr<Communicator> make_nccl_world(Communicator& bootstrap, int gpu,
                                              HalfSums half_sums) {
  const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(gpu));
  check_cuda(cudaSetDevice(gpu), "cudaSetDevice");
  Group world = bootstrap.group();
  world.name = "gpus";
  if (bootstrap.size() == 1) return make_group_of_one(std::move(world), device);
  const ncclUniqueId id = agree_on_id(bootstrap);
  ncclComm_t comm = nullptr;
  check_nccl(ncclCommInitRank(&comm, bootstrap.size(), id, bootstrap.rank()), "ncclCommInitRank");
  return std::make_unique<NcclCommunicator>(std::move(world), bootstrap, nullptr, comm, device,
                                            half_sums, GroupUse::kCollectives);
}

}  // namespace strata::parallel
