// Each rank of a host owns a strip of shared memory with two halves that are used in turn. An
// operation goes through it in rounds: write the own strip, meet the others, read theirs. Two
// halves need no second meeting before a strip is written again: who has met the others in round k
// has seen them all leave round k - 1.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "parallel/comm/host_reduce.h"
#include "parallel/comm/mpi_collectives.h"
#include "parallel/comm/mpi_session.h"

namespace strata::parallel {
namespace {

constexpr int64_t kHalfBytes = 1 << 20;  // stays in the cache of a core
constexpr int64_t kShortRound =
    16 << 10;  // below, everybody adds up everything: one meeting instead of two
constexpr int64_t kLineBytes = 64;  // ranks write pieces of whole cache lines

// What the others must know of a rank, a cache line of its own.
struct alignas(kLineBytes) Post {
  std::atomic<uint64_t> meeting;  // the last one it has come to
  uint64_t call[2];               // what it does there, by the parity of the meeting
};

struct alignas(kLineBytes) Strip {
  Post post;
  char halves[2][kHalfBytes];
};

uint64_t call_signature(int kind, int64_t bytes, Reduction how) {
  return static_cast<uint64_t>(kind) | static_cast<uint64_t>(how.op) << 4 |
         static_cast<uint64_t>(how.dtype) << 8 | static_cast<uint64_t>(bytes) << 16;
}

// Memory that all ranks of `comm` see; the file behind it has no name any more. Null where that
// fails on any rank.
Strip* map_strips(MPI_Comm comm, int rank, int size) {
  const size_t bytes = sizeof(Strip) * static_cast<size_t>(size);
  const auto agree = [comm](bool ok) {
    int all = ok ? 1 : 0;
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, comm), "MPI_Allreduce");
    return all == 1;
  };
  char name[64] = {};
  int file = -1;
  bool ok = true;
  if (rank == 0) {
    for (int i = 0; file < 0 && i < 1000; ++i) {
      *fmt::format_to_n(name, sizeof name - 1, "/strata.{}.{}", getpid(), i).out = 0;
      file = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    }
    ok = file >= 0 && posix_fallocate(file, 0, static_cast<off_t>(bytes)) == 0;
  }
  check_mpi(MPI_Bcast(name, sizeof name, MPI_CHAR, 0, comm), "MPI_Bcast");
  ok = agree(ok);
  if (ok && rank != 0) file = shm_open(name, O_RDWR, 0600);
  void* memory = MAP_FAILED;
  if (ok && file >= 0) memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ok = agree(memory != MAP_FAILED);
  if (file >= 0) close(file);
  if (rank == 0) shm_unlink(name);
  if (!ok && memory != MAP_FAILED) munmap(memory, bytes);
  return ok ? static_cast<Strip*>(memory) : nullptr;
}

class SharedCollectives : public HostCollectives {
 public:
  SharedCollectives(Strip* strips, int rank, int size)
      : strips_(strips), rank_(rank), size_(size) {}
  ~SharedCollectives() override { munmap(strips_, sizeof(Strip) * static_cast<size_t>(size_)); }

  void all_reduce(char* data, int64_t count, Reduction how) override {
    const int64_t element = how.element_size();
    const uint64_t call = call_signature(1, count * element, how);
    const int64_t round_count = kHalfBytes / element;
    for (int64_t start = 0; start < count; start += round_count) {
      all_reduce_round(data + start * element, std::min(round_count, count - start), how, call);
    }
  }

  void reduce_scatter(char* out, const char* in, int64_t count, Reduction how) override {
    const int64_t element = how.element_size();
    const uint64_t call = call_signature(2, count * element, how);
    const int64_t place = kHalfBytes / size_ / kLineBytes * kLineBytes;  // for each destination
    const int64_t round_count = place / element;
    for (int64_t start = 0; start < count; start += round_count) {
      const int64_t n = std::min(round_count, count - start);
      const auto given = [&](int to) { return in + (to * count + start) * element; };
      for (int to = 0; to < size_; ++to) {
        if (to != rank_) std::memcpy(half_of(rank_) + to * place, given(to), bytes_of(n * element));
      }
      meet(call);
      reduce_parts(out + start * element, parts_at(rank_ * place, given(rank_)), n, how.dtype,
                   how.op);
      use_other_half();
    }
  }

  void all_gather(char* out, const char* in, int64_t bytes) override {
    const uint64_t call = call_signature(3, bytes, {c10::ScalarType::Byte, ReduceOp::kSum});
    for (int64_t start = 0; start < bytes; start += kHalfBytes) {
      const size_t n = bytes_of(std::min(kHalfBytes, bytes - start));
      std::memcpy(half_of(rank_), in + start, n);
      meet(call);
      for (int from = 0; from < size_; ++from) {
        char* place = out + from * bytes + start;
        const char* piece = from == rank_ ? in + start : half_of(from);
        if (place != piece) std::memcpy(place, piece, n);
      }
      use_other_half();
    }
  }

 private:
  static size_t bytes_of(int64_t bytes) { return static_cast<size_t>(bytes); }
  char* half_of(int rank) const { return strips_[rank].halves[half_]; }
  void use_other_half() { half_ = 1 - half_; }

  // What the ranks give at this place of their strips, in rank order; the caller's own part never
  // went there.
  std::vector<const void*> parts_at(int64_t offset, const char* own) const {
    std::vector<const void*> parts;
    for (int rank = 0; rank < size_; ++rank) {
      parts.push_back(rank == rank_ ? own : half_of(rank) + offset);
    }
    return parts;
  }

  void all_reduce_round(char* data, int64_t count, Reduction how, uint64_t call) {
    if (count * how.element_size() <= kShortRound) {
      std::memcpy(half_of(rank_), data, bytes_of(count * how.element_size()));
      meet(call);
      reduce_parts(data, parts_at(0, data), count, how.dtype, how.op);
    } else {
      all_reduce_in_parts(data, count, how, call);
    }
    use_other_half();
  }

  // Every rank adds up one part in its own strip, and collects the others' from theirs.
  void all_reduce_in_parts(char* data, int64_t count, Reduction how, uint64_t call) {
    const int64_t element = how.element_size();
    const int64_t line = kLineBytes / element;
    const int64_t lines = (count + line - 1) / line;
    const auto begin = [&](int rank) {
      return std::min(count, lines * rank / size_ * line) * element;
    };
    const auto copy_part = [&](char* to, const char* from, int part) {
      std::memcpy(to + begin(part), from + begin(part), bytes_of(begin(part + 1) - begin(part)));
    };
    for (int part = 0; part < size_; ++part) {
      if (part != rank_) copy_part(half_of(rank_), data, part);
    }
    meet(call);
    const int64_t own = begin(rank_);
    reduce_parts(half_of(rank_) + own, parts_at(own, data + own),
                 (begin(rank_ + 1) - own) / element, how.dtype, how.op);
    meet(call);
    for (int part = 0; part < size_; ++part) copy_part(data, half_of(part), part);
  }

  // Returns when every rank has come, and finds out whether all have come for the same thing.
  void meet(uint64_t call) {
    ++meeting_;
    Post& own = strips_[rank_].post;
    own.call[meeting_ % 2] = call;
    own.meeting.store(meeting_, std::memory_order_release);
    for (int rank = 0; rank < size_; ++rank) {
      const Post& other = strips_[rank].post;
      Backoff backoff;
      while (other.meeting.load(std::memory_order_acquire) < meeting_) {
        backoff.pause();
        if (backoff.is_slow()) progress();
      }
      if (other.call[meeting_ % 2] != call) {
        throw base::InternalError(
            fmt::format("the ranks of a group make different calls: members {} and {} differ in "
                        "operation, dtype or size",
                        rank_, rank));
      }
    }
  }

  Strip* strips_;
  int rank_, size_;
  int half_ = 0;
  uint64_t meeting_ = 0;
};

}  // namespace

std::unique_ptr<HostCollectives> make_shared_collectives(MPI_Comm comm) {
  int rank = 0, size = 0, on_this_host = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  MPI_Comm host = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &host),
            "MPI_Comm_split_type");
  MPI_Comm_size(host, &on_this_host);
  MPI_Comm_free(&host);
  int fewest = 0;
  check_mpi(MPI_Allreduce(&on_this_host, &fewest, 1, MPI_INT, MPI_MIN, comm), "MPI_Allreduce");
  if (fewest != size) return nullptr;
  Strip* strips = map_strips(comm, rank, size);
  return strips == nullptr ? nullptr : std::make_unique<SharedCollectives>(strips, rank, size);
}

}  // namespace strata::parallel
