// A fixed, ordered group of ranks and the operations among them: the only door through which data leaves a process.
// Every public operation checks its tensors, records itself in the trace ring (comm/trace.h) and then calls the backend:
// self (one rank), MPI (host memory) or NCCL (device memory). All members of a group make the same calls in the same
// order; one thread of a process communicates at a time. Knows no axes (parallel/mesh) and no model.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "parallel/comm/trace.h"

namespace at {
class Tensor;
}

namespace strata::parallel {

enum class ReduceOp : uint8_t { kSum, kMax, kMin };

/// One operation in flight; holds its tensors alive. wait() orders the caller's later work after it: on the CPU it returns
/// when the result is there, on a GPU when the current stream will see it. Until then no buffer of the operation may be
/// read or written. Destroyed unwaited, it waits, except while an exception unwinds: then it gives up.
class Work {
 public:
  virtual ~Work() = default;
  virtual void wait() = 0;
};
using WorkPtr = std::unique_ptr<Work>;

/// Messages between two ranks are first-in-first-out per (sender, receiver, channel): what a pipeline sends forward
/// never waits behind what it sends backward.
enum Channel : int { kActivation = 0, kGradient = 1, kKeyValue = 2, kBulk = 3 };
inline constexpr int kChannels = 4;

/// One message of an exchange. `peer` is a rank of the group, never the caller's own.
struct P2p {
  bool send;
  at::Tensor* tensor;
  int peer;
  int channel = kActivation;
};

/// Who belongs to a group, as told to a backend's constructor.
struct Group {
  std::string name;              ///< "world", "tensor", "data+context": one rank is in one group of each name
  int rank = 0;                  ///< of this process within the group
  std::vector<int> world_ranks;  ///< rank in the group -> rank in the world
  std::shared_ptr<TraceRing> trace;
};

class Communicator {
 public:
  virtual ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return group_.rank; }
  int size() const { return static_cast<int>(group_.world_ranks.size()); }
  const std::string& name() const { return group_.name; }
  /// The rank in the world of each member, in the order of the group.
  const std::vector<int>& world_ranks() const { return group_.world_ranks; }
  /// The memory this group carries: tensors given to it must lie there.
  virtual c10::Device device() const = 0;
  TraceRing& trace() const { return *group_.trace; }

  /// The members that give the same `color` (>= 0) form a new group, ordered by `key`, then by rank here.
  [[nodiscard]] std::unique_ptr<Communicator> split(int color, int key, std::string name);

  /// Each of these may return before the operation is done (see Work). Tensors are contiguous, on device(), and have the
  /// same shape and dtype on all members. Sums of bf16 and fp16 are made in fp32, in rank order, and rounded once; results
  /// are the same bits on all members and in every run. InternalError where a tensor does not fit.
  [[nodiscard]] WorkPtr all_reduce(at::Tensor& inout, ReduceOp op = ReduceOp::kSum);
  /// out = the members' `in`, one after the other along dim 0. `in` may be the caller's own piece of `out`.
  [[nodiscard]] WorkPtr all_gather(at::Tensor& out, const at::Tensor& in);
  /// in = size() equal pieces along dim 0; out = the reduction of every member's piece rank(). `out` may be that piece.
  [[nodiscard]] WorkPtr reduce_scatter(at::Tensor& out, const at::Tensor& in, ReduceOp op = ReduceOp::kSum);
  /// in_rows[p] rows of `in` go to member p, in order; out_rows[p] rows come from it. Rows may differ between members.
  [[nodiscard]] WorkPtr all_to_all(at::Tensor& out, const at::Tensor& in, std::span<const int64_t> out_rows,
                                   std::span<const int64_t> in_rows);
  [[nodiscard]] WorkPtr broadcast(at::Tensor& inout, int root);
  /// Sends and receives started as one group, in the order given; none waits for another.
  [[nodiscard]] WorkPtr exchange(std::span<const P2p> messages);
  /// Returns when every member has called it.
  void barrier();

  /// Ends the whole job at once, every rank with it, with this exit code.
  [[noreturn]] virtual void abort(int exit_code) = 0;
  /// True where every rank of the group calls it within `seconds`: an orderly common end is possible. Used on the way out
  /// after an error (comm/job.h), when other operations may still hang; not recorded.
  virtual bool all_arrive(double seconds) = 0;

 protected:
  explicit Communicator(Group group);
  const Group& group() const { return group_; }

 private:
  virtual std::unique_ptr<Communicator> do_split(int color, int key, std::string name) = 0;
  virtual WorkPtr do_all_reduce(at::Tensor& inout, ReduceOp op) = 0;
  virtual WorkPtr do_all_gather(at::Tensor& out, const at::Tensor& in) = 0;
  virtual WorkPtr do_reduce_scatter(at::Tensor& out, const at::Tensor& in, ReduceOp op) = 0;
  virtual WorkPtr do_all_to_all(at::Tensor& out, const at::Tensor& in, std::span<const int64_t> out_rows,
                                std::span<const int64_t> in_rows) = 0;
  virtual WorkPtr do_broadcast(at::Tensor& inout, int root) = 0;
  virtual WorkPtr do_exchange(std::span<const P2p> messages) = 0;
  virtual void do_barrier() = 0;

  template <class Start>
  WorkPtr traced(const TraceCall& call, Start start);

  Group group_;
  int trace_group_;  // this group's number in the trace ring
};

/// A world of one process. self_communicator.cpp.
std::unique_ptr<Communicator> make_self();
/// The world that mpirun or srun started; initialises MPI. mpi_communicator.cpp or no_mpi.cpp (UserError).
std::unique_ptr<Communicator> make_mpi_world();
/// The world as it was started: self where no launcher made several ranks (MPI is then not even initialised), else MPI.
std::unique_ptr<Communicator> make_world();

/// How NCCL sums bf16 and fp16: natively (half the traffic, rounded at every hop) or in fp32.
enum class HalfSums : uint8_t { kNative, kFloat32 };
/// The same ranks as `bootstrap`, over device memory of GPU number `gpu`. nccl_communicator.cpp or no_nccl.cpp (UserError).
std::unique_ptr<Communicator> make_nccl_world(Communicator& bootstrap, int gpu, HalfSums half_sums = HalfSums::kFloat32);

/// For `strata env`: the version of the library really loaded, or "" where the build has none.
std::string strata_mpi_version();
std::string strata_nccl_version();

}  // namespace strata::parallel
