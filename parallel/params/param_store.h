// Owns every parameter of one model on this rank: values in the compute dtype, fp32 masters and
// flat fp32 gradients, in a fixed order of buckets. Layers ask it for values; the optimizer and
// checkpoints walk its buckets. Knows no layer and no step.
//
// Life: add() all parameters -> materialize() -> use() / GradSink / DistributedOptimizer.
// Parameters are not autograd leaves: the few parametric operations hand their weight gradients to
// a GradSink.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/mesh/context.h"
#include "parallel/params/shard_spec.h"

namespace strata::parallel {

enum class Init : uint8_t { kNormal, kOnes, kZeros, kUniform };

struct ParamSpec {
  ShardSpec shard = {};
  Init init = Init::kNormal;
  double scale = 0.02;  ///< standard deviation (normal) or half width (uniform)
  bool decays = true;   ///< matrices, embeddings and head yes; norms and biases never (decided by
                        ///< role, not by shape)
  bool trainable = true;
  bool part_of_base = true;  ///< frozen where only adapters are trained
  /// Each tensor rank saw only a slice of the tokens (sequence parallel norms): the copies'
  /// gradients are summed over the axis. Copies of a part of a cut tensor (kv heads fewer than
  /// ranks) are always summed: each saw its own queries alone.
  bool sum_over_tensor = false;
  /// Whole name of the owner on the first stage (a tied head on the last one); "" = own parameter.
  /// The stages' gradients are summed; the owner needs no mark of its own.
  std::string tied_to = {};
  int uses = 1;  ///< gradients that one microbatch gives it (a tied embedding on one stage: 2)
};

struct ParamId {
  int32_t index = -1;
  bool valid() const { return index >= 0; }
  bool operator==(const ParamId&) const = default;
};

/// One parameter and where it lies. Offsets are in elements within its bucket's flat buffers.
struct Param {
  std::string name;  ///< global name, with global layer number: "layers.11.attention.qkv.weight"
  ParamSpec spec;
  int block = 0;  ///< the unit that ZeRO 3 gathers together
  int bucket = 0;
  int64_t offset = 0;
};

struct StoreOptions {
  at::ScalarType compute =
      at::kFloat;  ///< kFloat: values and masters are the same memory; kBFloat16: masters beside
  at::Device device = at::kCPU;
  int zero = 1;         ///< 0 nothing cut, 1 optimizer state, 2 and gradients, 3 and parameters
  bool trained = true;  ///< false: a frozen model: no gradients, no masters
  bool adapters_only = false;         ///< what is part of the base is not trained
  int64_t bucket_elements = 8 << 20;  ///< a bucket is closed when it holds this many
};

class ParamStore {
 public:
  ParamStore(const ParallelContext& context, StoreOptions options);
  ~ParamStore();
  ParamStore(const ParamStore&) = delete;
  ParamStore& operator=(const ParamStore&) = delete;

  /// Parameters added from now on belong to this unit (a transformer block, the embedding, the
  /// head).
  void begin_block(int block);
  /// Declares a parameter. Names are unique. Only before materialize().
  ParamId add(std::string name, ParamSpec spec);

  /// Allocates all buffers and fills the values: each element a function of (seed, global name,
  /// element of the whole tensor) alone; a tied parameter has its owner's name. Collective.
  void materialize(uint64_t seed);

  /// The local shard in the compute dtype, shaped; under ZeRO 3 gathered, and valid until release()
  /// of its block.
  at::Tensor use(ParamId id) const;
  void prefetch(int block);  ///< ZeRO 3: starts the gather and returns at once; otherwise nothing
  void release(int block);   ///< ZeRO 3: drops the gathered copy; otherwise nothing

  /// ZeRO 3: gathers all values, which stay until let_go(), for passes of which each rank makes a
  /// number of its own; otherwise nothing. Values do not change meanwhile. Collective.
  void hold();
  void let_go();

  /// The optimizer updated this rank's pieces: gathered copies are dropped.
  void values_changed();

  const Param& operator[](ParamId id) const;
  std::span<const Param> params() const;
  ParamId find(std::string_view name) const;     ///< invalid where there is none
  bool trains(ParamId id) const;                 ///< has a gradient
  bool is_tied_across_stages(ParamId id) const;  ///< first and last stage sum their gradients of it
  int64_t trainable_count()
      const;  ///< elements of the whole model on all stages and tensor ranks; ties and copies once
  const StoreOptions& options() const;
  const ParallelContext& context() const;

  /// Sets values and masters of this rank's piece from a whole tensor (fp32, contiguous), rounding
  /// to the compute dtype as training does.
  void set_whole(ParamId id, const at::Tensor& whole);
  /// The whole tensor in fp32, from all ranks that hold pieces: of the masters where there are any.
  /// Every rank of the stage gets it; collective over the stage.
  at::Tensor get_whole(ParamId id) const;

  /// Whether this rank's pieces of the values hold neither NaN nor Inf.
  bool all_finite() const;

  struct Buckets;  ///< flat buffers; see parallel/params/buckets.h
  Buckets& buckets();
  const Buckets& buckets() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// All values of a store are there while this lives; see ParamStore::hold(). Collective.
class WholeValues {
 public:
  explicit WholeValues(ParamStore& store) : store_(store) { store_.hold(); }
  ~WholeValues() { store_.let_go(); }
  WholeValues(const WholeValues&) = delete;
  WholeValues& operator=(const WholeValues&) = delete;

 private:
  ParamStore& store_;
};

}  // namespace strata::parallel
