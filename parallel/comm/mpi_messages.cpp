// Every rank sends each other rank the piece that one is to reduce, adds up what it gets in rank
// order, and (for an all-reduce) sends the result to all: the traffic of a ring, but the order of a
// single rank.
#include <algorithm>
#include <cstring>
#include <vector>

#include "parallel/comm/host_reduce.h"
#include "parallel/comm/mpi_collectives.h"
#include "parallel/comm/mpi_session.h"

namespace strata::parallel {
namespace {

constexpr int kCollectiveTag = 100;  // beside the channels of an exchange
constexpr int64_t kMessageBytes =
    1 << 20;  // longer messages are slower on one host (248 against 23 ms)
constexpr int64_t kShortMessage =
    16 << 10;  // below, everybody gets everything: one trip instead of two

// Where each rank's piece lies in a row of bytes.
struct ByteCut {
  std::vector<int64_t> begins;  // one more than there are pieces
  int64_t begin(int piece) const { return begins[static_cast<size_t>(piece)]; }
  int64_t size(int piece) const { return begins[static_cast<size_t>(piece) + 1] - begin(piece); }
  int64_t longest() const {
    int64_t most = 0;
    for (size_t i = 1; i < begins.size(); ++i) most = std::max(most, begins[i] - begins[i - 1]);
    return most;
  }
};

ByteCut equal_cut(int pieces, int64_t bytes) {
  ByteCut equal;
  for (int i = 0; i <= pieces; ++i) equal.begins.push_back(i * bytes);
  return equal;
}

// As even as whole elements allow.
ByteCut even_cut(int pieces, int64_t count, int64_t element_size) {
  ByteCut even;
  for (int i = 0; i <= pieces; ++i) even.begins.push_back(count * i / pieces * element_size);
  return even;
}

class MessageCollectives : public HostCollectives {
 public:
  explicit MessageCollectives(MPI_Comm comm) : comm_(comm) {
    MPI_Comm_rank(comm, &rank_);
    MPI_Comm_size(comm, &size_);
  }

  void all_reduce(char* data, int64_t count, Reduction how) override {
    const int64_t bytes = count * how.element_size();
    if (bytes <= kShortMessage) return all_reduce_short(data, count, how);
    const ByteCut pieces = even_cut(size_, count, how.element_size());
    reduce_own_piece(data + pieces.begin(rank_), data, pieces, how);
    gather(data, data + pieces.begin(rank_), pieces);
  }

  void reduce_scatter(char* out, const char* in, int64_t count, Reduction how) override {
    reduce_own_piece(out, in, equal_cut(size_, count * how.element_size()), how);
  }

  void all_gather(char* out, const char* in, int64_t bytes) override {
    gather(out, in, equal_cut(size_, bytes));
  }

 private:
  void all_reduce_short(char* data, int64_t count, Reduction how) {
    const int64_t bytes = count * how.element_size();
    received_.resize(static_cast<size_t>(size_ * bytes));
    gather(received_.data(), data, equal_cut(size_, bytes));
    std::vector<const void*> parts;
    for (int peer = 0; peer < size_; ++peer) parts.push_back(received_.data() + peer * bytes);
    reduce_parts(data, parts, count, how.dtype, how.op);
  }

  void reduce_own_piece(char* out, const char* in, const ByteCut& pieces, Reduction how) {
    received_.resize(static_cast<size_t>(size_ * kMessageBytes));
    const int64_t own = pieces.size(rank_);
    for (int64_t start = 0; start < pieces.longest(); start += kMessageBytes) {
      const auto length = [start](int64_t piece) {
        return std::clamp<int64_t>(piece - start, 0, kMessageBytes);
      };
      std::vector<const void*> parts(static_cast<size_t>(size_));
      for (int step = 1; step < size_; ++step) {
        const int from = (rank_ + size_ - step) % size_;
        char* there = received_.data() + from * kMessageBytes;
        parts[static_cast<size_t>(from)] = there;
        receive(there, length(own), from);
      }
      for (int step = 1; step < size_; ++step) {
        const int to = (rank_ + step) % size_;
        send(in + pieces.begin(to) + start, length(pieces.size(to)), to);
      }
      finish_messages();
      parts[static_cast<size_t>(rank_)] = in + pieces.begin(rank_) + start;
      reduce_parts(out + start, parts, length(own) / how.element_size(), how.dtype, how.op);
    }
  }

  void gather(char* out, const char* in, const ByteCut& pieces) {
    const int64_t own = pieces.size(rank_);
    char* own_place = out + pieces.begin(rank_);
    if (own_place != in) std::memcpy(own_place, in, static_cast<size_t>(own));
    for (int64_t start = 0; start < pieces.longest(); start += kMessageBytes) {
      const auto length = [start](int64_t piece) {
        return std::clamp<int64_t>(piece - start, 0, kMessageBytes);
      };
      for (int step = 1; step < size_; ++step) {
        const int from = (rank_ + size_ - step) % size_;
        receive(out + pieces.begin(from) + start, length(pieces.size(from)), from);
      }
      for (int step = 1; step < size_; ++step)
        send(own_place + start, length(own), (rank_ + step) % size_);
      finish_messages();
    }
  }

  void send(const char* data, int64_t bytes, int to) {
    if (bytes == 0) return;
    check_mpi(MPI_Isend(data, static_cast<int>(bytes), MPI_BYTE, to, kCollectiveTag, comm_,
                        &requests_.emplace_back()),
              "MPI_Isend");
  }

  void receive(char* data, int64_t bytes, int from) {
    if (bytes == 0) return;
    check_mpi(MPI_Irecv(data, static_cast<int>(bytes), MPI_BYTE, from, kCollectiveTag, comm_,
                        &requests_.emplace_back()),
              "MPI_Irecv");
  }

  void finish_messages() {
    wait_all(requests_);
    requests_.clear();
  }

  MPI_Comm comm_;
  int rank_ = 0, size_ = 0;
  std::vector<char> received_;
  std::vector<MPI_Request> requests_;
};

}  // namespace

std::unique_ptr<HostCollectives> make_message_collectives(MPI_Comm comm) {
  return std::make_unique<MessageCollectives>(comm);
}

}  // namespace strata::parallel
