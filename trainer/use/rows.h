// Rows of a JSONL file worked on by all data ranks and written back in order. Knows no model.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"

namespace strata::parallel {
class ParallelContext;
}

namespace strata::trainer {

struct JsonRow {
  base::Json object;
  std::string where;  ///< "FILE:LINE"
};

/// Every row; a line that is no JSON object is a UserError (kBadData). Empty lines are passed over.
std::vector<JsonRow> read_rows(const std::filesystem::path& file);

/// The token ids under `key`; UserError (kBadData) where they are not whole numbers in [0,
/// vocabulary).
std::vector<int32_t> ids_of(const JsonRow& row, const std::string& key, int64_t vocabulary);

/// The numbers of the rows that are this rank's: every data and context rank takes its share.
std::vector<size_t> own_rows(size_t rows, const parallel::ParallelContext& context);

/// Writes `count` lines to `file` in order, all or nothing. `own` are this rank's row numbers,
/// `lines` their texts. Collective.
void write_rows(const std::filesystem::path& file, size_t count, const std::vector<size_t>& own,
                const std::vector<std::string>& lines, const parallel::ParallelContext& context);

}  // namespace strata::trainer
