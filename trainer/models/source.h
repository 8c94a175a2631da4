// Where a model's weights and tokenizer come from, whatever the user's path means: a run, a
// checkpoint, or a Hugging Face folder.
#pragma once

#include <filesystem>

#include "model/hf.h"
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
};

/// A run means its newest sound checkpoint, or, where it keeps none, RUN/model. UserError
/// (kBadUsage) where PATH is nothing of these. Collective.
ModelSource find_model(const std::filesystem::path& path, const parallel::ParallelContext& context,
                       const Warn& warn);

/// Fills the decoder's parameters. False where a scalar head found no weights and keeps its initial
/// ones.
bool load_source(const ModelSource& source, model::Decoder& decoder);

}  // namespace strata::trainer
