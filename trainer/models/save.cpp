#include "trainer/models/save.h"

#include "base/file.h"
#include "data/tokenizer/tokenizer.h"
#include "model/decoder.h"
#include "parallel/mesh/context.h"

namespace strata::trainer {

void save_model_folder(const std::filesystem::path& folder, const model::FolderInfo& info,
                       const model::Decoder& decoder, const std::filesystem::path& tokenizer) {
  std::filesystem::path temporary = folder;
  temporary += ".writing";
  const bool main_rank = decoder.context().rank() == 0;
  if (main_rank) std::filesystem::remove_all(temporary);
  model::write_folder(temporary, info, decoder);
  if (main_rank) {
    if (!tokenizer.empty()) data::Tokenizer::load(tokenizer).save(temporary);
    base::publish_folder(temporary, folder);
  }
  decoder.context().world().barrier();
}

}  // namespace strata::trainer
