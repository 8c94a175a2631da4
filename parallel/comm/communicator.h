// A fixed, ordered group of ranks and the operations among them: the only door through which
// tensors leave a process. Every public operation checks its tensors, records itself in the trace
// ring (comm/trace.h) and then calls the backend: self (one rank), MPI (host memory) or NCCL
// (device memory). All members of a group make the same calls in the same order; one thread of a
// process communicates at a time. Made in comm/world.h. Knows no axes (parallel/mesh), no model.
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

/// One operation in flight; holds its tensors alive. wait() orders the caller's later work after
/// it: on the CPU it returns when the result is there, on a GPU when the current stream will see
/// it. Until then no buffer of the operation may be written, and no result read. Destroyed
/// unwaited, it waits, except while an exception unwinds: then it gives up.
class Work {
 public:
  virtual ~Work() = default;
  virtual void wait() = 0;
};
using WorkPtr = std::unique_ptr<Work>;

/// Messages between two ranks are first-in-first-out per (sender, receiver, channel): what a
/// pipeline sends forward never waits behind what it sends backward.
enum Channel : int { kActivation = 0, kGradient = 1, kKeyValue = 2, kBulk = 3 };
inline constexpr int kChannels = 4;

/// One message of an exchange. `peer` is a rank of the group, never the caller's own. Both sides
/// give the same size.
struct P2p {
  bool send;
  at::Tensor* tensor;
  int peer;
  int channel = kActivation;
};

/// What a new group is for. Groups whose messages must not wait for one another (a pipeline) get
/// own lanes on a GPU.
enum class GroupUse : uint8_t { kCollectives, kMessages };

/// The processes of a job as a whole: how they end. Alive until the last of its groups is gone.
class Job {
 public:
  virtual ~Job() = default;
  /// Ends the whole job at once, every rank with it, with this exit code.
  [[noreturn]] void abort(int exit_code);
  /// True where every rank of the world calls it within `seconds`: a common end in good order is
  /// possible. Used on the way out after an error (comm/world.h), when other operations might hang;
  /// not recorded.
  virtual bool all_arrive(double seconds) = 0;

 private:
  virtual void end_all_ranks(int exit_code) = 0;
};

/// Who belongs to a group, as told to a backend's constructor.
struct Group {
  std::string name;  ///< "world", "tensor", "data+context": a rank is in one group of each name
  int rank = 0;      ///< of this process within the group
  std::vector<int> world_ranks;  ///< rank in the group -> rank in the world
  std::shared_ptr<TraceRing> trace;
  std::shared_ptr<Job> job;
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
  /// The group as a whole: what another backend over the same ranks is made from.
  const Group& group() const { return group_; }

  /// The members that give the same `color` (>= 0) form a new group, ordered by `key`, then by
  /// their rank here.
  [[nodiscard]] std::unique_ptr<Communicator> split(int color, int key, std::string name,
                                                    GroupUse use = GroupUse::kCollectives);

  /// Each of these may return before the operation is done (see Work). Tensors are contiguous, on
  /// device(), of the same shape and dtype on all members. On the CPU reductions are made in rank
  /// order, of bf16 and fp16 in fp32 with one rounding: the same bits on all members, in every run
  /// and on every path. InternalError where a tensor does not fit.
  [[nodiscard]] WorkPtr all_reduce(at::Tensor& inout, ReduceOp op = ReduceOp::kSum);
  /// out = the members' `in`, one after the other along dim 0. `in` may be the caller's own piece
  /// of `out`.
  [[nodiscard]] WorkPtr all_gather(at::Tensor& out, const at::Tensor& in);
  /// in = size() equal pieces along dim 0; out = the reduction of every member's piece rank().
  /// `out` may be that piece.
  [[nodiscard]] WorkPtr reduce_scatter(at::Tensor& out, const at::Tensor& in,
                                       ReduceOp op = ReduceOp::kSum);
  /// in_rows[p] rows of `in` go to member p, in order; out_rows[p] rows come from it. Numbers may
  /// differ between members.
  [[nodiscard]] WorkPtr all_to_all(at::Tensor& out, const at::Tensor& in,
                                   std::span<const int64_t> out_rows,
                                   std::span<const int64_t> in_rows);
  [[nodiscard]] WorkPtr broadcast(at::Tensor& inout, int root);
  /// Sends and receives started as one group, in the order given; none waits for another.
  [[nodiscard]] WorkPtr exchange(std::span<const P2p> messages);
  /// Returns when every member has called it.
  void barrier();

  Job& job() const { return *group_.job; }

 protected:
  explicit Communicator(Group group);

 private:
  // The backend's half. A null WorkPtr says that the operation is done.
  virtual std::unique_ptr<Communicator> do_split(int color, int key, std::string name,
                                                 GroupUse use) = 0;
  virtual WorkPtr do_all_reduce(at::Tensor& inout, ReduceOp op) = 0;
  virtual WorkPtr do_all_gather(at::Tensor& out, const at::Tensor& in) = 0;
  virtual WorkPtr do_reduce_scatter(at::Tensor& out, const at::Tensor& in, ReduceOp op) = 0;
  virtual WorkPtr do_all_to_all(at::Tensor& out, const at::Tensor& in,
                                std::span<const int64_t> out_rows,
                                std::span<const int64_t> in_rows) = 0;
  virtual WorkPtr do_broadcast(at::Tensor& inout, int root) = 0;
  virtual WorkPtr do_exchange(std::span<const P2p> messages) = 0;
  virtual void do_barrier() = 0;

  template <class Start>
  WorkPtr traced(const TraceCall& call, Start start);
  void check(const at::Tensor& tensor, const char* operation) const;

  Group group_;
  int trace_group_;
};

}  // namespace strata::parallel
