#include "data/datasets/jsonl_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"
#include "data/documents.h"

namespace strata::data {

JsonlRows::JsonlRows(const std::filesystem::path& path, const DatasetContext& context,
                     std::string what, int64_t most_ids)
    : config_(context.config),
      what_(std::move(what)),
      most_ids_(most_ids),
      input_(look_at_input(path)),
      file_(input_) {}

void JsonlRows::open() {
  for (JsonlReader lines(input_); lines.next();) {
    std::vector<Row> rows;
    const RowFit fit = lines.read([&](const base::JsonReader& line) {
      rows.clear();
      return read(line, rows);
    });
    cut_ += fit == RowFit::kCut;
    left_out_ += fit == RowFit::kLeftOut;
    if (fit == RowFit::kLeftOut) continue;
    int64_t longest = 0;
    for (const Row& row : rows) longest = std::max(longest, row.length());
    places_.push_back({lines.offset(), static_cast<int32_t>(longest)});
  }
  finish();
}

base::Json JsonlRows::line_of(int64_t sample) const {
  return base::parse_json(file_.line(place(sample).offset), file_.path().string());
}

RowFit JsonlRows::read_again(int64_t sample, std::vector<Row>& rows) const {
  const base::Json json = line_of(sample);
  return read(base::JsonReader(json, file_.path().string()), rows);
}

void JsonlRows::get(int64_t sample, std::vector<Row>& rows) const { read_again(sample, rows); }

void JsonlRows::set_length(int64_t sample, int64_t length) {
  places_[static_cast<size_t>(sample)].length = static_cast<int32_t>(length);
}

std::string JsonlRows::describe() const {
  std::string text = fmt::format("{}: {} rows of {}", file_.path().string(), size(), what_);
  if (cut_ > 0) text += fmt::format(", {} of them cut to {} ids", cut_, most_ids_);
  if (left_out_ > 0)
    text += fmt::format("; {} rows of more than {} ids left out", left_out_, most_ids_);
  return text;
}

std::string JsonlRows::fingerprint() const {
  std::string columns;
  for (const auto& [ours, theirs] : config_.columns) columns += ours + "=" + theirs + " ";
  return base::fingerprint(fmt::format("{} {} {} {} {} {}", file_.fingerprint(), what_, columns,
                                       config_.too_long, most_ids_, rules()));
}

FittedIds JsonlRows::fitted(const base::JsonReader& line, const std::string& key,
                            MaskedIds masked) const {
  const auto ids = static_cast<int64_t>(masked.ids.size());
  if (ids <= most_ids_) return {std::move(masked), RowFit::kWhole};
  if (config_.too_long == "error") {
    line.refuse(key, fmt::format("makes a row of {} ids, more than the {} that batch.sequence has "
                                 "room for; raise it, or set data.too_long to truncate or drop",
                                 ids, most_ids_));
  }
  if (config_.too_long == "drop") return {std::move(masked), RowFit::kLeftOut};
  masked.ids.resize(static_cast<size_t>(most_ids_));
  masked.trained.resize(static_cast<size_t>(most_ids_));
  if (std::ranges::find(masked.trained, true) == masked.trained.end()) {
    line.refuse(key, fmt::format("comes after {} ids and more of prompt, which fill the row: "
                                 "nothing of it is left to train on; raise batch.sequence, or set "
                                 "data.too_long: drop",
                                 most_ids_));
  }
  return {std::move(masked), RowFit::kCut};
}

PromptCodec prompt_codec_of(const std::filesystem::path& file, const DatasetContext& context) {
  if (context.codec) return PromptCodec(*context.codec, context.chat);
  throw base::UserError(base::kBadUsage,
                        file.string() + ": text needs a tokenizer: set tokenizer.path");
}

std::string rules_of(const PromptCodec& codec) {
  const ChatTemplate* chat = codec.chat();
  return codec.codec().hash() + (chat ? " " + chat->jinja() : "");
}

Row next_token_row(const MaskedIds& masked, const TextCodec* codec) {
  std::vector<int32_t> targets;
  int64_t bytes = 0;
  for (size_t i = 1; i < masked.ids.size(); ++i) {
    targets.push_back(masked.trained[i] ? masked.ids[i] : kNoTarget);
    if (masked.trained[i] && codec) bytes += codec->byte_length(masked.ids[i]);
  }
  Row row = one_document_row({masked.ids.begin(), masked.ids.end() - 1}, std::move(targets));
  row.bytes = bytes;
  return row;
}

Row answer_row(const MaskedIds& masked) {
  std::vector<int32_t> targets;
  for (size_t i = 1; i < masked.ids.size(); ++i)
    targets.push_back(masked.trained[i] ? masked.ids[i] : kNoTarget);
  targets.push_back(kNoTarget);
  return one_document_row(masked.ids, std::move(targets));
}

}  // namespace strata::data
