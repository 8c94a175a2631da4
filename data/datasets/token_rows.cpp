#include "data/datasets/token_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/error.h"
#include "base/json.h"
#include "data/datasets/row_file.h"
#include "data/documents.h"

namespace strata::data {

namespace {

/// Columns of a row by the names that the file gives them.
struct TokenColumns {
  std::string ids, labels;
};

struct LabelledIds {
  std::vector<int32_t> ids, labels;
};

std::vector<int32_t> read_integers(const base::JsonReader& row, const std::string& key,
                                   int64_t vocab_size, bool labels) {
  const base::Json& array = row.array(key);
  std::vector<int32_t> values;
  values.reserve(array.size());
  for (const base::Json& item : array) {
    const int64_t value = item.is_number_integer() ? item.get<int64_t>() : -1;
    const bool untrained = labels && value == kNoTarget;
    if (!untrained && (value < 0 || value >= vocab_size)) {
      row.refuse(
          key,
          fmt::format("holds {} at place {}; token ids are whole numbers from 0 to {}{}",
                      base::compact_json(item), values.size(), vocab_size - 1,
                      labels ? fmt::format(", or {} where nothing is trained", kNoTarget) : ""));
    }
    values.push_back(static_cast<int32_t>(value));
  }
  return values;
}

LabelledIds read_labelled_ids(const base::JsonReader& row, const TokenColumns& columns,
                              int64_t vocab_size) {
  LabelledIds result;
  result.ids = read_integers(row, columns.ids, vocab_size, false);
  if (result.ids.size() < 2)
    row.refuse(columns.ids, "needs two ids or more: each is predicted from those before it");
  if (!row.has(columns.labels)) {
    result.labels = result.ids;
    return result;
  }
  result.labels = read_integers(row, columns.labels, vocab_size, true);
  if (result.labels.size() != result.ids.size()) {
    row.refuse(columns.labels,
               fmt::format("holds {} labels for {} ids; each label stands under its own token",
                           result.labels.size(), result.ids.size()));
  }
  return result;
}

/// What one looks up of a row: where its line is and how many ids of it are used.
struct RowPlace {
  int64_t offset;
  int32_t ids;
};

class TokenRows : public Dataset {
 public:
  TokenRows(const std::filesystem::path& path, const DatasetContext& context)
      : input_(look_at_input(path)),
        file_(input_),
        columns_{context.config.column("input_ids"), context.config.column("labels")},
        vocab_size_(context.vocab_size > 0 ? context.vocab_size : int64_t{INT32_MAX}),
        too_long_(context.config.too_long),
        most_ids_(context.sequence + 1) {
    for (JsonlReader rows(input_); rows.next();) {
      const auto ids = rows.read([&](const base::JsonReader& row) { return check(row); });
      if (ids > 0) rows_.push_back({rows.offset(), static_cast<int32_t>(ids)});
    }
  }

  int64_t size() const override { return static_cast<int64_t>(rows_.size()); }
  int64_t length(int64_t sample) const override {
    return rows_[static_cast<size_t>(sample)].ids - 1;
  }

  void get(int64_t sample, std::vector<Row>& rows) const override {
    const RowPlace place = rows_[static_cast<size_t>(sample)];
    const std::string source = file_.path().string();
    const base::Json json = base::parse_json(file_.line(place.offset), source);
    LabelledIds row = read_labelled_ids(base::JsonReader(json, source), columns_, vocab_size_);
    rows.push_back(one_document_row({row.ids.begin(), row.ids.begin() + place.ids - 1},
                                    {row.labels.begin() + 1, row.labels.begin() + place.ids}));
  }

  std::string describe() const override {
    std::string text = fmt::format("{}: {} rows of input_ids", file_.path().string(), size());
    if (cut_ > 0) text += fmt::format(", {} of them cut to {} ids", cut_, most_ids_);
    if (dropped_ > 0)
      text += fmt::format("; {} rows of more than {} ids left out", dropped_, most_ids_);
    return text;
  }

  std::string fingerprint() const override {
    return base::fingerprint(fmt::format("{} {} {} {} {}", file_.fingerprint(), columns_.ids,
                                         columns_.labels, too_long_, most_ids_));
  }

 private:
  /// The number of ids that are used of a row; 0 to leave it out.
  int64_t check(const base::JsonReader& row) {
    const auto ids = static_cast<int64_t>(read_labelled_ids(row, columns_, vocab_size_).ids.size());
    if (ids <= most_ids_) return ids;
    if (too_long_ == "error") {
      row.refuse(
          columns_.ids,
          fmt::format("holds {} ids, more than batch.sequence + 1 = {}; raise batch.sequence, or "
                      "set data.too_long to truncate or drop",
                      ids, most_ids_));
    }
    const bool cut = too_long_ == "truncate";
    ++(cut ? cut_ : dropped_);
    return cut ? most_ids_ : 0;
  }

  InputFile input_;
  RowFile file_;
  TokenColumns columns_;
  int64_t vocab_size_;
  std::string too_long_;
  int64_t most_ids_;
  std::vector<RowPlace> rows_;
  int64_t cut_ = 0, dropped_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> open_token_rows(const std::filesystem::path& file,
                                         const DatasetContext& context) {
  return std::make_unique<TokenRows>(file, context);
}

}  // namespace strata::data
