// Writes a model as a Hugging Face folder with its tokenizer beside the weights.
#pragma once

#include <filesystem>

#include "model/hf.h"

namespace strata::model {
class Decoder;
}

namespace strata::trainer {

/// Weights and configs of `decoder`, and the files of the tokenizer in `tokenizer` ("": none). The
/// folder appears as a whole. Collective.
void save_model_folder(const std::filesystem::path& folder, const model::FolderInfo& info,
                       const model::Decoder& decoder, const std::filesystem::path& tokenizer);

}  // namespace strata::trainer
