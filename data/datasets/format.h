// The formats of training rows: one table row and one file beside this one for each. To add a
// format, write a function that opens a file of such rows as a Dataset and name it in the table of
// format.cpp.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/config.h"
#include "data/dataset.h"
#include "data/text_codec.h"

namespace strata::data {

/// What a dataset may need to be opened. Borrowed: must outlive the dataset.
struct DatasetContext {
  const DataConfig& config;
  int64_t sequence;                  ///< positions of a row: batch.sequence
  const TextCodec* codec = nullptr;  ///< none where the data are ids already
  int64_t vocab_size = 0;            ///< the model's; 0 where not known
};

struct RowFormat {
  std::string_view name;
  std::vector<std::string_view> keys;  ///< a row that has them all is taken to be of this format
  std::unique_ptr<Dataset> (*open)(const std::filesystem::path& file,
                                   const DatasetContext& context);
};

/// The more telling formats first: a row of `input_ids` may have `text` too.
std::span<const RowFormat> row_formats();

/// "auto" and the names of the table.
std::vector<std::string> format_choices();

/// A folder, or a file by the name of a shard file.
bool is_shard_path(const std::filesystem::path& path);

/// Opens whatever a path holds: token shards (folder or .h5), text, or JSONL by the config's
/// format. A missing path, a bad row (FILE:LINE and why) and shards of another tokenizer are
/// kBadData; text without a tokenizer is kBadUsage.
std::unique_ptr<Dataset> open_dataset(const std::filesystem::path& path,
                                      const DatasetContext& context);

}  // namespace strata::data
