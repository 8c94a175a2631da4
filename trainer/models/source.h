// Where a model's weights and tokenizer come from, whatever the user's path means: a run, a
// checkpoint, or a Hugging Face folder.
#pragma once

#include <filesystem>
#include <memory>

#include "model/hf.h"
#include "model/lora.h"
#include "parallel/mesh/context.h"
#include "trainer/checkpoint/reader.h"

namespace strata::model {
class Decoder;
}

namespace strata::trainer {

struct ModelSource {
  std::filesystem::path
      folder;  ///< the Hugging Face folder or the checkpoint that holds the weights
  bool is_checkpoint = false;
  std::filesystem::path tokenizer;  ///< its tokenizer; empty where there is none
  model::FolderInfo info;
  /// Where the folder or checkpoint holds adapters alone: what they adapt, and how.
  std::shared_ptr<const ModelSource> base{};
  model::LoraConfig lora{};
};

/// A run means its newest sound checkpoint, or RUN/model where it keeps none or where that has been
/// normalised (reward.normalize). A folder may be PEFT's: adapters and the name of their base.
/// UserError (kBadUsage) where PATH is nothing of these. Collective.
ModelSource find_model(const std::filesystem::path& path, const parallel::ParallelContext& context,
                       const Warn& warn);

/// Fills the decoder's parameters, adapters of the source merged into them. False where a scalar
/// head found no weights and keeps its initial ones.
bool load_source(const ModelSource& source, model::Decoder& decoder);

}  // namespace strata::trainer
