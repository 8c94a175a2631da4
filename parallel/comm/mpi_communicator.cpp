// The Communicator over MPI: host memory. Reductions and gathers are done when the call returns
// (mpi_collectives.h); what a pipeline sends and receives stays in flight until it is waited for.
#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "parallel/comm/mpi_collectives.h"
#include "parallel/comm/mpi_session.h"
#include "parallel/comm/self_communicator.h"
#include "parallel/comm/world.h"

namespace strata::parallel {
namespace {

constexpr int kAllToAllTag = 101;             // beside the channels of an exchange
constexpr int64_t kMostBytes = 1 << 30;       // of one message: MPI counts in int
constexpr int64_t kBroadcastBytes = 1 << 20;  // whole tensors are ten times slower on one host

char* bytes_at(const at::Tensor& tensor) { return static_cast<char*>(tensor.data_ptr()); }

// Messages on their way, with the tensors they read and write.
class MessageWork : public Work {
 public:
  void send(const at::Tensor& tensor, char* data, int64_t bytes, int to, int tag, MPI_Comm comm) {
    keep(tensor);
    for_each_part(data, bytes, [&](char* part, int length) {
      check_mpi(MPI_Isend(part, length, MPI_BYTE, to, tag, comm, add(-1)), "MPI_Isend");
    });
  }

  void receive(const at::Tensor& tensor, char* data, int64_t bytes, int from, int tag,
               MPI_Comm comm) {
    keep(tensor);
    for_each_part(data, bytes, [&](char* part, int length) {
      check_mpi(MPI_Irecv(part, length, MPI_BYTE, from, tag, comm, add(length)), "MPI_Irecv");
    });
  }

  // Given up: the messages may still move, so their memory must stay.
  ~MessageWork() override {
    if (!requests_.empty()) new std::vector<at::Tensor>(std::move(tensors_));
  }

  void wait() override {
    std::vector<MPI_Status> statuses(requests_.size());
    wait_all(requests_, statuses);
    requests_.clear();
    for (size_t i = 0; i < statuses.size(); ++i) {
      int got = 0;
      MPI_Get_count(&statuses[i], MPI_BYTE, &got);
      if (expected_[i] >= 0 && got != expected_[i]) {
        throw base::InternalError(
            fmt::format("a message of {} bytes where {} were expected", got, expected_[i]));
      }
    }
  }

 private:
  template <class Start>
  static void for_each_part(char* data, int64_t bytes, Start start) {
    int64_t begin = 0;
    do {  // an empty tensor is an empty message: the other side waits for it
      const int64_t length = std::min(kMostBytes, bytes - begin);
      start(data + begin, static_cast<int>(length));
      begin += length;
    } while (begin < bytes);
  }

  void keep(const at::Tensor& tensor) { tensors_.push_back(tensor); }

  MPI_Request* add(int expected) {
    expected_.push_back(expected);
    return &requests_.emplace_back(MPI_REQUEST_NULL);
  }

  std::vector<MPI_Request> requests_;
  std::vector<int> expected_;  // bytes of a receive; -1 for a send
  std::vector<at::Tensor> tensors_;
};

class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator(Group group, MPI_Comm comm, HostPath path)
      : Communicator(std::move(group)), comm_(comm), path_(path) {}

  ~MpiCommunicator() override {
    // While an exception unwinds, the others may never come to free theirs.
    if (std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }

  c10::Device device() const override { return c10::kCPU; }

 private:
  std::unique_ptr<Communicator> do_split(int color, int key, std::string name, GroupUse) override {
    MPI_Comm part = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split(comm_, color, key, &part), "MPI_Comm_split");
    return make_group(part, std::move(name));
  }

  std::unique_ptr<Communicator> make_group(MPI_Comm comm, std::string name) const {
    with_returned_errors(comm);
    int size = 0;
    Group part = group();
    part.name = std::move(name);
    MPI_Comm_rank(comm, &part.rank);
    MPI_Comm_size(comm, &size);
    part.world_ranks.resize(static_cast<size_t>(size));
    const int world_rank = world_ranks()[static_cast<size_t>(rank())];
    check_mpi(MPI_Allgather(&world_rank, 1, MPI_INT, part.world_ranks.data(), 1, MPI_INT, comm),
              "MPI_Allgather");
    if (size > 1) return std::make_unique<MpiCommunicator>(std::move(part), comm, path_);
    MPI_Comm_free(&comm);
    return make_group_of_one(std::move(part), device());
  }

  WorkPtr do_all_reduce(at::Tensor& inout, ReduceOp op) override {
    collectives().all_reduce(bytes_at(inout), inout.numel(), {inout.scalar_type(), op});
    return nullptr;
  }

  WorkPtr do_all_gather(at::Tensor& out, const at::Tensor& in) override {
    collectives().all_gather(bytes_at(out), bytes_at(in), static_cast<int64_t>(in.nbytes()));
    return nullptr;
  }

  WorkPtr do_reduce_scatter(at::Tensor& out, const at::Tensor& in, ReduceOp op) override {
    collectives().reduce_scatter(bytes_at(out), bytes_at(in), out.numel(), {in.scalar_type(), op});
    return nullptr;
  }

  WorkPtr do_all_to_all(at::Tensor& out, const at::Tensor& in, std::span<const int64_t> out_rows,
                        std::span<const int64_t> in_rows) override {
    MessageWork work;
    const auto row_bytes = [](const at::Tensor& t) {
      const int64_t rows = t.dim() == 0 ? 1 : t.size(0);
      return rows == 0 ? 0 : static_cast<int64_t>(t.nbytes()) / rows;
    };
    char* to = bytes_at(in);
    char* from = bytes_at(out);
    const char* own_in = nullptr;
    char* own_out = nullptr;
    for (int peer = 0; peer < size(); ++peer) {
      const int64_t in_bytes = in_rows[static_cast<size_t>(peer)] * row_bytes(in);
      const int64_t out_bytes = out_rows[static_cast<size_t>(peer)] * row_bytes(out);
      if (peer == rank()) {
        base::ensure(in_bytes == out_bytes, "all_to_all: a rank's rows to itself differ");
        own_in = to;
        own_out = from;
      } else {
        if (out_bytes > 0) work.receive(out, from, out_bytes, peer, kAllToAllTag, comm_);
        if (in_bytes > 0) work.send(in, to, in_bytes, peer, kAllToAllTag, comm_);
      }
      to += in_bytes;
      from += out_bytes;
    }
    const int64_t own_bytes = in_rows[static_cast<size_t>(rank())] * row_bytes(in);
    if (own_bytes > 0) std::memcpy(own_out, own_in, static_cast<size_t>(own_bytes));
    work.wait();
    return nullptr;
  }

  WorkPtr do_broadcast(at::Tensor& inout, int root) override {
    const auto bytes = static_cast<int64_t>(inout.nbytes());
    for (int64_t begin = 0; begin < bytes; begin += kBroadcastBytes) {
      MPI_Request request;
      const auto length = static_cast<int>(std::min(kBroadcastBytes, bytes - begin));
      check_mpi(MPI_Ibcast(bytes_at(inout) + begin, length, MPI_BYTE, root, comm_, &request),
                "MPI_Ibcast");
      wait_one(request);
    }
    return nullptr;
  }

  WorkPtr do_exchange(std::span<const P2p> messages) override {
    auto work = std::make_unique<MessageWork>();
    for (const P2p& message : messages) {
      const at::Tensor& tensor = *message.tensor;
      const auto bytes = static_cast<int64_t>(tensor.nbytes());
      if (message.send) {
        work->send(tensor, bytes_at(tensor), bytes, message.peer, message.channel, comm_);
      } else {
        work->receive(tensor, bytes_at(tensor), bytes, message.peer, message.channel, comm_);
      }
    }
    return work;
  }

  void do_barrier() override {
    MPI_Request request;
    check_mpi(MPI_Ibarrier(comm_, &request), "MPI_Ibarrier");
    wait_one(request);
  }

  // Made by the first operation that needs it: many groups never do.
  HostCollectives& collectives() {
    if (collectives_ == nullptr && path_ == HostPath::kSharedMemory)
      collectives_ = make_shared_collectives(comm_);
    if (collectives_ == nullptr) collectives_ = make_message_collectives(comm_);
    return *collectives_;
  }

  MPI_Comm comm_;
  HostPath path_;
  std::unique_ptr<HostCollectives> collectives_;
};

}  // namespace

std::unique_ptr<Communicator> make_mpi_world(HostPath path) {
  auto session = std::make_shared<MpiSession>();
  int rank = 0, size = 0;
  MPI_Comm_rank(session->world(), &rank);
  MPI_Comm_size(session->world(), &size);
  MPI_Comm comm = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(session->world(), &comm), "MPI_Comm_dup");
  with_returned_errors(comm);
  Group world{.name = "world",
              .rank = rank,
              .world_ranks = {},
              .trace = std::make_shared<TraceRing>(rank),
              .job = session};
  world.world_ranks.resize(static_cast<size_t>(size));
  std::iota(world.world_ranks.begin(), world.world_ranks.end(), 0);
  if (size > 1) return std::make_unique<MpiCommunicator>(std::move(world), comm, path);
  MPI_Comm_free(&comm);
  return make_group_of_one(std::move(world), c10::kCPU);
}

}  // namespace strata::parallel
