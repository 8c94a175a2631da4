#include "parallel/comm/communicator.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace strata::parallel {
namespace {

// Marks the rank as waiting inside an operation, for the watchdog; ends the mark on every way out.
class Waiting {
 public:
  Waiting(TraceRing& trace, uint64_t sequence) : trace_(trace) { trace_.enter_wait(sequence); }
  ~Waiting() { trace_.leave_wait(); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  TraceRing& trace_;
};

class DoneWork : public Work {
 public:
  void wait() override {}
};

class TracedWork : public Work {
 public:
  TracedWork(WorkPtr work, std::shared_ptr<TraceRing> trace, uint64_t sequence)
      : work_(std::move(work)), trace_(std::move(trace)), sequence_(sequence) {}

  ~TracedWork() override {
    if (std::uncaught_exceptions() == exceptions_at_start_) wait();
  }

  void wait() override {
    if (work_ == nullptr) return;
    const Waiting waiting(*trace_, sequence_);
    work_->wait();
    trace_->finish(sequence_);
    work_.reset();
  }

 private:
  WorkPtr work_;
  std::shared_ptr<TraceRing> trace_;
  uint64_t sequence_;
  int exceptions_at_start_ = std::uncaught_exceptions();
};

WorkPtr done_work() { return std::make_unique<DoneWork>(); }

int64_t bytes_of(const at::Tensor& tensor) { return static_cast<int64_t>(tensor.nbytes()); }

TraceCall call_of(CommOp op, const at::Tensor& tensor) {
  return {.op = op, .bytes = bytes_of(tensor), .dtype = c10::toString(tensor.scalar_type())};
}

int64_t rows_of(const at::Tensor& tensor) { return tensor.dim() == 0 ? 1 : tensor.size(0); }

// `whole` is `pieces` times `piece`, in the same order and format.
void check_pieces(const at::Tensor& whole, const at::Tensor& piece, int pieces, const char* what) {
  if (whole.scalar_type() != piece.scalar_type()) {
    throw base::InternalError(fmt::format("{}: tensors of two dtypes", what));
  }
  if (whole.numel() != piece.numel() * pieces) {
    throw base::InternalError(fmt::format("{}: {} elements are not {} pieces of {}", what,
                                          whole.numel(), pieces, piece.numel()));
  }
}

}  // namespace

void Job::abort(int exit_code) {
  std::fflush(nullptr);
  end_all_ranks(exit_code);
  std::_Exit(exit_code);
}

Communicator::Communicator(Group group)
    : group_(std::move(group)),
      trace_group_(group_.trace->add_group(group_.name, group_.world_ranks)) {}

Communicator::~Communicator() { group_.trace->remove_group(trace_group_); }

template <class Start>
WorkPtr Communicator::traced(const TraceCall& call, Start start) {
  const uint64_t sequence = trace().begin(trace_group_, call);
  const Waiting waiting(trace(), sequence);
  WorkPtr work = start();
  if (work != nullptr) return std::make_unique<TracedWork>(std::move(work), group_.trace, sequence);
  trace().finish(sequence);
  return done_work();
}

void Communicator::check(const at::Tensor& tensor, const char* operation) const {
  const auto refuse = [operation](const std::string& why) {
    throw base::InternalError(fmt::format("{}: {}", operation, why));
  };
  if (!tensor.defined()) refuse("an undefined tensor");
  if (!tensor.is_contiguous()) refuse("a tensor that is not contiguous");
  if (tensor.device() != device()) {
    refuse(fmt::format("a tensor on {}, but group '{}' carries {}", tensor.device().str(), name(),
                       device().str()));
  }
}

std::unique_ptr<Communicator> Communicator::split(int color, int key, std::string name,
                                                  GroupUse use) {
  base::ensure(color >= 0, "split: a negative colour");
  std::unique_ptr<Communicator> part;
  traced({.op = CommOp::kSplit}, [&]() -> WorkPtr {
    part = do_split(color, key, std::move(name), use);
    return nullptr;
  });
  return part;
}

WorkPtr Communicator::all_reduce(at::Tensor& inout, ReduceOp op) {
  check(inout, "all_reduce");
  if (inout.numel() == 0) return done_work();
  return traced(call_of(CommOp::kAllReduce, inout), [&] { return do_all_reduce(inout, op); });
}

WorkPtr Communicator::all_gather(at::Tensor& out, const at::Tensor& in) {
  check(out, "all_gather");
  check(in, "all_gather");
  check_pieces(out, in, size(), "all_gather");
  if (in.numel() == 0) return done_work();
  return traced(call_of(CommOp::kAllGather, in), [&] { return do_all_gather(out, in); });
}

WorkPtr Communicator::reduce_scatter(at::Tensor& out, const at::Tensor& in, ReduceOp op) {
  check(out, "reduce_scatter");
  check(in, "reduce_scatter");
  check_pieces(in, out, size(), "reduce_scatter");
  if (out.numel() == 0) return done_work();
  return traced(call_of(CommOp::kReduceScatter, in),
                [&] { return do_reduce_scatter(out, in, op); });
}

WorkPtr Communicator::all_to_all(at::Tensor& out, const at::Tensor& in,
                                 std::span<const int64_t> out_rows,
                                 std::span<const int64_t> in_rows) {
  check(out, "all_to_all");
  check(in, "all_to_all");
  const auto members = static_cast<size_t>(size());
  base::ensure(out_rows.size() == members && in_rows.size() == members,
               "all_to_all: one number of rows for each member");
  base::ensure(std::accumulate(in_rows.begin(), in_rows.end(), int64_t{0}) == rows_of(in) &&
                   std::accumulate(out_rows.begin(), out_rows.end(), int64_t{0}) == rows_of(out),
               "all_to_all: the rows do not add up to the tensor");
  base::ensure(in.scalar_type() == out.scalar_type() && in.sizes().slice(1) == out.sizes().slice(1),
               "all_to_all: rows of two kinds");
  return traced(call_of(CommOp::kAllToAll, in),
                [&] { return do_all_to_all(out, in, out_rows, in_rows); });
}

WorkPtr Communicator::broadcast(at::Tensor& inout, int root) {
  check(inout, "broadcast");
  base::ensure(root >= 0 && root < size(), "broadcast: a root outside the group");
  if (inout.numel() == 0) return done_work();
  TraceCall call = call_of(CommOp::kBroadcast, inout);
  call.peer = world_ranks()[static_cast<size_t>(root)];
  return traced(call, [&] { return do_broadcast(inout, root); });
}

WorkPtr Communicator::exchange(std::span<const P2p> messages) {
  if (messages.empty()) return done_work();
  TraceCall call{.op = CommOp::kExchange};
  for (const P2p& message : messages) {
    check(*message.tensor, "exchange");
    base::ensure(message.peer >= 0 && message.peer < size() && message.peer != rank(),
                 "exchange: a peer outside the group, or the rank itself");
    base::ensure(message.channel >= 0 && message.channel < kChannels, "exchange: no such channel");
    call.bytes += bytes_of(*message.tensor);
    (message.send ? call.sends : call.receives) = true;
  }
  const P2p& first = messages.front();
  call.dtype = c10::toString(first.tensor->scalar_type());
  call.peer = world_ranks()[static_cast<size_t>(first.peer)];
  call.channel = first.channel;
  return traced(call, [&] { return do_exchange(messages); });
}

void Communicator::barrier() {
  traced({.op = CommOp::kBarrier}, [&]() -> WorkPtr {
    do_barrier();
    return nullptr;
  });
}

}  // namespace strata::parallel
