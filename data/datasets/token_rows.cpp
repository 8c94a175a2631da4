#include "data/datasets/token_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/json.h"
#include "data/datasets/jsonl_rows.h"
#include "data/datasets/packed.h"

namespace strata::data {

namespace {

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

class TokenRows : public JsonlRows {
 public:
  TokenRows(const std::filesystem::path& path, const DatasetContext& context)
      : JsonlRows(path, context, "input_ids", context.sequence + 1),
        ids_key_(column("input_ids")),
        labels_key_(column("labels")),
        vocab_size_(context.vocab_size > 0 ? context.vocab_size : int64_t{INT32_MAX}),
        most_ids_(static_cast<size_t>(context.sequence + 1)) {}

 private:
  /// Labels may differ from the ids, so the row is made here and not from a mask.
  RowFit read(const base::JsonReader& line, std::vector<Row>& rows) const override {
    std::vector<int32_t> ids = read_integers(line, ids_key_, vocab_size_, false);
    if (ids.size() < 2)
      line.refuse(ids_key_, "needs two ids or more: each is predicted from those before it");
    std::vector<int32_t> labels =
        line.has(labels_key_) ? read_integers(line, labels_key_, vocab_size_, true) : ids;
    if (labels.size() != ids.size()) {
      line.refuse(labels_key_,
                  fmt::format("holds {} labels for {} ids; each label stands under its own token",
                              labels.size(), ids.size()));
    }
    RowFit fit = RowFit::kWhole;
    if (ids.size() > most_ids_) fit = too_long(line, ids.size());
    if (fit == RowFit::kLeftOut) return fit;
    if (fit == RowFit::kCut) {
      ids.resize(most_ids_);
      labels.resize(most_ids_);
    }
    rows.push_back(
        one_document_row({ids.begin(), ids.end() - 1}, {labels.begin() + 1, labels.end()}));
    return fit;
  }

  RowFit too_long(const base::JsonReader& line, size_t ids) const {
    if (config().too_long == "error") {
      line.refuse(
          ids_key_,
          fmt::format("holds {} ids, more than batch.sequence + 1 = {}; raise batch.sequence, or "
                      "set data.too_long to truncate or drop",
                      ids, most_ids_));
    }
    return config().too_long == "truncate" ? RowFit::kCut : RowFit::kLeftOut;
  }

  std::string ids_key_, labels_key_;
  int64_t vocab_size_;
  size_t most_ids_;
};

}  // namespace

std::vector<int32_t> read_token_ids(const base::JsonReader& row, const std::string& key,
                                    int64_t vocab_size) {
  return read_integers(row, key, vocab_size, false);
}

std::unique_ptr<Dataset> open_token_rows(const std::filesystem::path& file,
                                         const DatasetContext& context) {
  return packed_if_asked(open_rows<TokenRows>(file, context), context);
}

}  // namespace strata::data
