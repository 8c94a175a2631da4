// Rows of `text`, and text files: treated as `data prepare` would, but tokenized into memory when
// the job starts.
#pragma once

#include <filesystem>
#include <memory>

#include "data/datasets/format.h"

namespace strata::data {

/// Windows over the documents of the file, each with its end token. kBadUsage without a tokenizer.
std::unique_ptr<Dataset> open_text(const std::filesystem::path& file,
                                   const DatasetContext& context);

}  // namespace strata::data
