// Rows of `input_ids` with optional `labels`: ids that someone else made, taken as they are. Each
// row is one sequence.
#pragma once

#include <filesystem>
#include <memory>

#include "data/datasets/format.h"

namespace strata::data {

/// Labels stand under their own token (kNoTarget = not trained), as in transformers: n ids give n -
/// 1 predictions, the shift is made here. Rows of more than sequence + 1 ids go by the config's
/// too_long.
std::unique_ptr<Dataset> open_token_rows(const std::filesystem::path& file,
                                         const DatasetContext& context);

}  // namespace strata::data
