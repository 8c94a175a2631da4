// The formats of training rows: one table row and one file beside this one for each. To add a
// format, write a function that opens a file of such rows as a Dataset and name it in the table of
// format.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/chat/chat_template.h"
#include "data/config.h"
#include "data/dataset.h"
#include "data/text_codec.h"

namespace strata::data {

/// What a row teaches, and so which jobs can use it. Formats of one kind give the same columns:
///   kText      a row is a sequence with its targets
///   kPairs     2 rows a sample, the chosen answer first; columns margin, weight, tie (0 or 1)
///   kRankings  k rows a sample, k the most answers of the file; column rank (equal ranks are ties;
///              -1 for a row that only fills up)
///   kRatings   column rating, per grader of mean 0 and deviation 1 where the rows name a `grader`
///   kLabelled  2 rows a sample: the answer, then the answer of the sample before to the same
///              prompt; columns label (0 or 1) and kl (1 for the second)
/// Rows of answers hold all their tokens, the end token too, whose target is none: a reward is read
/// at a row's last token; the answer's tokens are those with a target.
enum class RowKind : uint8_t { kText, kPairs, kRankings, kRatings, kLabelled };

/// What a dataset may need to be opened. Borrowed: must outlive the dataset.
struct DatasetContext {
  const DataConfig& config;
  int64_t sequence;                               ///< positions of a row: batch.sequence
  const TextCodec* codec = nullptr;               ///< none where the data are ids already
  int64_t vocab_size = 0;                         ///< the model's; 0 where not known
  const ChatTemplate* chat = nullptr;             ///< none: rows of messages are refused
  std::vector<RowKind> kinds = {RowKind::kText};  ///< what the job takes
  bool train_on_prompts = false;                  ///< sft.train_on: all
  bool packing = false;  ///< several rows of kText in one sequence, none of which sees another
};

struct RowFormat {
  std::string_view name;
  RowKind kind;
  std::vector<std::string_view> keys;  ///< a row that has them all is taken to be of this format
  std::unique_ptr<Dataset> (*open)(const std::filesystem::path& file,
                                   const DatasetContext& context);
};

/// The more telling formats first: a row of `input_ids` may have `text` too.
std::span<const RowFormat> row_formats();

/// For looking at whatever there is.
std::vector<RowKind> all_row_kinds();

/// "auto" and the names of the table.
std::vector<std::string> format_choices();

/// A folder, or a file by the name of a shard file.
bool is_shard_path(const std::filesystem::path& path);

/// Opens whatever a path holds: token shards (folder or .h5), text, or JSONL by the config's
/// format. A missing path, a bad row (FILE:LINE and why) and shards of another tokenizer are
/// kBadData; text without a tokenizer is kBadUsage.
std::unique_ptr<Dataset> open_dataset(const std::filesystem::path& path,
                                      const DatasetContext& context);

/// Whether a JSONL file's first row holds messages under some key.
bool holds_messages(const std::filesystem::path& path);

}  // namespace strata::data
