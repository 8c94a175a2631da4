// The table of row formats, and which one a path holds.
#include "data/datasets/format.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/datasets/answers.h"
#include "data/datasets/completions.h"
#include "data/datasets/text_rows.h"
#include "data/datasets/token_rows.h"
#include "data/datasets/windows.h"
#include "data/documents.h"
#include "data/token_stream.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

bool has_all_keys(const base::JsonReader& row, const RowFormat& format, const DataConfig& config) {
  return std::ranges::all_of(
      format.keys, [&](std::string_view key) { return row.has(config.column(std::string(key))); });
}

std::string keys_of(const RowFormat& format) {
  return fmt::format("{}", fmt::join(format.keys, "+"));
}

/// A form that the job has no use for.
void require_kind(const RowFormat& format, const fs::path& path, const DatasetContext& context) {
  const auto taken = [&](const RowFormat& row) {
    return std::ranges::find(context.kinds, row.kind) != context.kinds.end();
  };
  if (taken(format)) return;
  std::vector<std::string> wanted;
  for (const RowFormat& row : row_formats()) {
    if (taken(row)) wanted.push_back(keys_of(row));
  }
  throw base::UserError(base::kBadData,
                        fmt::format("{}: rows of {}; this job takes rows of {}", path.string(),
                                    keys_of(format), fmt::join(wanted, " | ")));
}

[[noreturn]] void refuse_keys(const base::JsonReader& row) {
  std::vector<std::string> keys, known;
  for (const auto& [key, value] : row.value().items()) keys.push_back(key);
  for (const RowFormat& format : row_formats()) known.push_back(keys_of(format));
  throw base::UserError(
      base::kBadData,
      fmt::format("{}: no format has the keys {}; known are {}. Map other names with data.columns",
                  row.source(), fmt::join(keys, ", "), fmt::join(known, " | ")));
}

/// The format of a file by the keys of its first row.
const RowFormat& detect_format(const InputFile& file, const DataConfig& config) {
  JsonlReader rows(file);
  if (!rows.next()) throw base::UserError(base::kBadData, file.path.string() + ": holds no rows");
  return rows.read([&](const base::JsonReader& row) -> const RowFormat& {
    for (const RowFormat& format : row_formats()) {
      if (has_all_keys(row, format, config)) return format;
    }
    refuse_keys(row);
  });
}

const RowFormat& format_named(std::string_view name) {
  for (const RowFormat& format : row_formats()) {
    if (format.name == name) return format;
  }
  throw base::InternalError("no such format");
}

const RowFormat& format_of(const InputFile& file, const DataConfig& config) {
  return config.format == "auto" ? detect_format(file, config) : format_named(config.format);
}

std::unique_ptr<Dataset> open_shards(const fs::path& path, const DatasetContext& context) {
  auto shards = std::make_unique<ShardFolder>(path);
  if (context.codec && context.codec->hash() != shards->tokenizer_hash()) {
    throw base::UserError(
        base::kBadData,
        path.string() +
            ": made with another tokenizer than tokenizer.path; run `strata data prepare` "
            "with this one, or name the one that the shards were made with");
  }
  if (context.vocab_size > 0 && shards->vocab_size() > context.vocab_size) {
    throw base::UserError(base::kBadData,
                          fmt::format("{}: ids up to {}, but the model's vocabulary has {}",
                                      path.string(), shards->vocab_size() - 1, context.vocab_size));
  }
  return std::make_unique<WindowDataset>(std::move(shards), context.sequence,
                                         context.config.cross_document, path.string());
}

}  // namespace

std::span<const RowFormat> row_formats() {
  static const RowFormat formats[] = {
      {"input_ids", RowKind::kText, {"input_ids"}, open_token_rows},
      {"pairs", RowKind::kPairs, {"chosen", "rejected"}, open_pairs},
      {"rankings", RowKind::kRankings, {"prompt", "answers", "ranks"}, open_rankings},
      {"ratings", RowKind::kRatings, {"prompt", "answer", "rating"}, open_ratings},
      {"labelled", RowKind::kLabelled, {"prompt", "completion", "label"}, open_labelled},
      {"completions", RowKind::kText, {"prompt", "completion"}, open_completions},
      {"messages", RowKind::kText, {"messages"}, open_conversations},
      {"text", RowKind::kText, {"text"}, open_text},
  };
  return formats;
}

std::vector<RowKind> all_row_kinds() {
  std::vector<RowKind> kinds;
  for (const RowFormat& format : row_formats()) kinds.push_back(format.kind);
  return kinds;
}

std::vector<std::string> format_choices() {
  std::vector<std::string> names{"auto"};
  for (const RowFormat& format : row_formats()) names.emplace_back(format.name);
  return names;
}

bool is_shard_path(const fs::path& path) {
  return fs::is_directory(path) || path.extension() == ".h5";
}

std::unique_ptr<Dataset> open_dataset(const fs::path& path, const DatasetContext& context) {
  const RowFormat& text = format_named("text");
  if (is_shard_path(path)) {
    require_kind(text, path, context);
    return open_shards(path, context);
  }
  const InputFile file = look_at_input(path);
  const RowFormat& format = file.is_jsonl ? format_of(file, context.config) : text;
  require_kind(format, path, context);
  return format.open(path, context);
}

bool holds_messages(const fs::path& path) {
  if (is_shard_path(path)) return false;
  const InputFile file = look_at_input(path);
  if (!file.is_jsonl) return false;
  JsonlReader rows(file);
  return rows.next() && rows.read([](const base::JsonReader& row) {
    return std::ranges::any_of(row.value(), [](const base::Json& value) {
      return value.is_array() && !value.empty() && value[0].is_object();
    });
  });
}

}  // namespace strata::data
