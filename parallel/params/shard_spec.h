// Where this rank's piece of a parameter lies in the whole tensor. Pure arithmetic: knows no rank,
// no communicator, no storage. Initialisation and checkpoints speak only of whole tensors; this is
// what lets any layout start from the same bits and load any other layout's checkpoint.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata::parallel {

/// Indices [begin, end) along the cut dimension of the whole tensor. `copies` ranks of the tensor
/// axis hold it (kv heads fewer than ranks, replicated norms); `copy` says which of them this one
/// is: copy 0 writes and counts.
struct Range {
  int64_t begin = 0, end = 0;
  int copy = 0, copies = 1;
  bool operator==(const Range&) const = default;
};

/// The tensor-parallel cut of one parameter. Local layout: the ranges of `dim`, one after the
/// other. Sizes need not divide: the first ranks get one index more. A tensor that is not cut has
/// dim = 0 and one range over all of it with copies = size of the tensor axis.
struct ShardSpec {
  std::vector<int64_t> global_shape;
  int dim = 0;
  std::vector<Range> ranges;

  std::vector<int64_t> local_shape() const;
  int64_t local_size() const;
  int64_t global_size() const;
};

/// A run of elements that is contiguous both here and in the whole tensor.
struct Run {
  int64_t local = 0, global = 0, count = 0;  ///< element offsets
  int copy = 0, copies = 1;
};

/// All runs of a shard in local order; together they cover the local tensor exactly once.
std::vector<Run> runs_of(const ShardSpec& spec);

/// The same for the local elements [begin, end) alone: the part of a shard that lies in this rank's
/// slice of a flat buffer.
std::vector<Run> runs_within(const ShardSpec& spec, int64_t begin, int64_t end);

/// This rank's even share of `size` indices: the first size % parts ranks get one more.
Range even_share(int64_t size, int part, int parts);

/// Whole on every one of `copies` ranks.
ShardSpec replicated(std::vector<int64_t> shape, int copy, int copies);
/// Cut evenly along `dim` into `parts`.
ShardSpec cut_evenly(std::vector<int64_t> shape, int dim, int part, int parts);

}  // namespace strata::parallel
