// Rows of `input_ids` with optional `labels`: ids that someone else made, taken as they are. Each
// row is one sequence, or is packed with others where the context asks for it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/datasets/format.h"

namespace strata::data {

/// Labels stand under their own token (kNoTarget = not trained), as in transformers: n ids give n -
/// 1 predictions, the shift is made here. Rows of more than sequence + 1 ids go by the config's
/// too_long.
std::unique_ptr<Dataset> open_token_rows(const std::filesystem::path& file,
                                         const DatasetContext& context);

/// The ids under `key`, whole numbers in [0, vocab_size); anything else is refused.
std::vector<int32_t> read_token_ids(const base::JsonReader& row, const std::string& key,
                                    int64_t vocab_size);

}  // namespace strata::data
