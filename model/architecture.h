// The table of architectures: one file in model/arch/ and one row in architecture.cpp each. A row
// says how the parts are made, what they cost, and what the parameters are called in Hugging Face
// folders. Nothing else in the program knows an architecture by name.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/block.h"
#include "model/config.h"
#include "model/lora.h"

namespace strata::kernels {
class RopeTable;
}
namespace strata::parallel {
class ParallelContext;
class ParamStore;
}  // namespace strata::parallel

namespace strata::model {

/// Where the parts of a decoder are made.
struct Site {
  parallel::ParamStore& params;
  const parallel::ParallelContext& context;
  const ModelConfig& config;
  bool sequence_parallel = false;
  int embedding_uses = 1;            ///< 2: the head of the same stage is tied to it
  const LoraConfig* lora = nullptr;  ///< null: no adapters
  std::shared_ptr<const kernels::RopeTable>
      rope{};  ///< shared by all blocks; made by the first that needs it
};

/// One tensor of a Hugging Face folder and its place here. `here` holds it in rows first_row ..
/// first_row + rows: a fused q,k,v or gate,up has several.
struct HfTensor {
  std::string there, here;
  std::vector<int64_t> shape;  ///< there
  bool transposed = false;     ///< there is [in, out]
  int64_t first_row = 0;
};

struct Architecture {
  std::string_view name;            ///< here, and `model_type` there
  std::string_view language_class;  ///< "LlamaForCausalLM"
  std::string_view scalar_class;    ///< "LlamaForSequenceClassification"
  std::string_view base_prefix;     ///< of all names there but the head's: "model."; folders of the
                                    ///< bare model lack it

  int64_t (*default_ffn)(int64_t width);
  /// What this architecture cannot be, under "model." keys.
  void (*check)(const ModelConfig&, base::Problems&);

  std::unique_ptr<Embedding> (*make_embedding)(Site&);
  std::unique_ptr<Block> (*make_block)(Site&, int layer);
  std::unique_ptr<FinalNorm> (*make_final_norm)(Site&);
  /// Floating-point operations of one block per token, forward and backward, where a token attends
  /// to `attended` others on average.
  double (*block_flops)(const ModelConfig&, int layer, double attended);

  /// Sizes and features from config.json; a feature that is not supported is a UserError that names
  /// it.
  void (*read_config)(const base::JsonReader& there, ModelConfig& here);
  void (*write_config)(const ModelConfig& here, base::Json& there);
  /// Everything but the head, in the order of the model; names with base_prefix.
  std::vector<HfTensor> (*tensors)(const ModelConfig&);
};

std::span<const Architecture* const> architectures();
std::vector<std::string> architecture_names();
/// UserError with the nearest name where there is none.
const Architecture& architecture_of(std::string_view name);

/// The tensors of the whole model with its head: what a folder holds.
std::vector<HfTensor> folder_tensors(const ModelConfig& config, HeadKind head);

}  // namespace strata::model
