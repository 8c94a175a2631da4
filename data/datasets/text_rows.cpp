#include "data/datasets/text_rows.h"

#include "base/error.h"
#include "data/datasets/windows.h"
#include "data/documents.h"

namespace strata::data {

std::unique_ptr<Dataset> open_text(const std::filesystem::path& file,
                                   const DatasetContext& context) {
  if (!context.codec) {
    throw base::UserError(base::kBadUsage,
                          file.string() + ": text needs a tokenizer: set tokenizer.path");
  }
  auto tokens = std::make_unique<MemoryTokens>(token_bytes(*context.codec));
  for (DocumentReader documents(look_at_input(file), context.config.column("text"));
       documents.next();) {
    tokens->add_document(encode_with_end(*context.codec, documents.text()));
  }
  return std::make_unique<WindowDataset>(std::move(tokens), context.sequence,
                                         context.config.cross_document, file.string());
}

}  // namespace strata::data
