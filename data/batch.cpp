// Padding rows to one length. See batch.h.
#include "data/batch.h"

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "base/error.h"

namespace strata::data {

namespace {

template <class T>
void place_row(std::vector<T>& into, int64_t row, int64_t length, const std::vector<T>& values) {
  std::copy(values.begin(), values.end(), into.begin() + row * length);
}

std::vector<int32_t> document_tokens(const std::vector<int32_t>& documents) {
  std::map<int32_t, int32_t> tokens_of;
  for (const int32_t document : documents) ++tokens_of[document];
  std::vector<int32_t> result;
  result.reserve(documents.size());
  for (const int32_t document : documents) result.push_back(tokens_of[document]);
  return result;
}

bool is_one_document(const Row& row) {
  for (int64_t t = 0; t < row.length(); ++t) {
    if (row.documents[t] != 0 || row.positions[t] != t) return false;
  }
  return true;
}

}  // namespace

Row one_document_row(std::vector<int32_t> tokens, std::vector<int32_t> targets) {
  Row row;
  row.tokens = std::move(tokens);
  row.targets = std::move(targets);
  row.weights.resize(row.targets.size());
  std::transform(row.targets.begin(), row.targets.end(), row.weights.begin(),
                 [](int32_t target) { return target == kNoTarget ? 0.0f : 1.0f; });
  row.positions.resize(row.tokens.size());
  std::iota(row.positions.begin(), row.positions.end(), 0);
  row.documents.assign(row.tokens.size(), 0);
  return row;
}

Batch make_batch(std::span<const Row> rows, std::span<const int64_t> samples, int64_t length) {
  base::ensure(rows.size() == samples.size(), "one sample number per row");
  Batch batch;
  batch.rows = static_cast<int64_t>(rows.size());
  batch.length = length;
  const size_t cells = static_cast<size_t>(batch.rows * length);
  batch.tokens.assign(cells, 0);
  batch.targets.assign(cells, kNoTarget);
  batch.weights.assign(cells, 0.0f);
  batch.positions.assign(cells, 0);
  batch.documents.assign(cells, kPadding);
  batch.document_tokens.assign(cells, 0);
  batch.samples.assign(samples.begin(), samples.end());
  batch.bytes.reserve(rows.size());
  for (int64_t r = 0; r < batch.rows; ++r) {
    const Row& row = rows[r];
    base::ensure(row.length() <= length, "a row is longer than its batch");
    place_row(batch.tokens, r, length, row.tokens);
    place_row(batch.targets, r, length, row.targets);
    place_row(batch.weights, r, length, row.weights);
    place_row(batch.positions, r, length, row.positions);
    place_row(batch.documents, r, length, row.documents);
    place_row(batch.document_tokens, r, length, document_tokens(row.documents));
    batch.one_document = batch.one_document && is_one_document(row);
    batch.bytes.push_back(row.bytes);
    for (const auto& [name, value] : row.columns) {
      auto& column = batch.columns[name];
      column.resize(rows.size(), 0.0f);
      column[r] = value;
    }
    for (const auto& [name, values] : row.token_columns) {
      auto& column = batch.token_columns[name];
      column.resize(cells, 0.0f);
      place_row(column, r, length, values);
    }
  }
  return batch;
}

Batch take_rows(const Batch& whole, std::span<const int64_t> rows) {
  const auto take = [&](const auto& values, int64_t per_row) {
    std::remove_cvref_t<decltype(values)> taken;
    taken.reserve(rows.size() * static_cast<size_t>(per_row));
    for (const int64_t row : rows) {
      const auto first = values.begin() + row * per_row;
      taken.insert(taken.end(), first, first + per_row);
    }
    return taken;
  };
  Batch some;
  some.rows = static_cast<int64_t>(rows.size());
  some.length = whole.length;
  some.tokens = take(whole.tokens, whole.length);
  some.targets = take(whole.targets, whole.length);
  some.weights = take(whole.weights, whole.length);
  some.positions = take(whole.positions, whole.length);
  some.documents = take(whole.documents, whole.length);
  some.document_tokens = take(whole.document_tokens, whole.length);
  some.one_document = whole.one_document;
  some.places = whole.places;
  some.samples = take(whole.samples, 1);
  some.bytes = take(whole.bytes, 1);
  for (const auto& [name, values] : whole.columns) some.columns[name] = take(values, 1);
  for (const auto& [name, values] : whole.token_columns)
    some.token_columns[name] = take(values, whole.length);
  return some;
}

std::vector<int64_t> last_columns(const Batch& batch) {
  std::vector<int64_t> columns(static_cast<size_t>(batch.rows), -1);
  for (int64_t row = 0; row < batch.rows; ++row) {
    for (int64_t t = batch.length - 1; t >= 0 && columns[row] < 0; --t) {
      if (batch.documents[row * batch.length + t] != kPadding) columns[row] = t;
    }
  }
  return columns;
}

Batch cut_rows(const Batch& whole, int part, int parts) {
  const int64_t chunk = whole.length / (2 * parts);
  base::ensure(chunk * 2 * parts == whole.length, "rows that ranks share are two chunks for each");
  const int64_t begins[] = {part * chunk, (2 * parts - 1 - part) * chunk};
  const auto take = [&](const auto& values) {
    std::remove_cvref_t<decltype(values)> taken;
    taken.reserve(static_cast<size_t>(whole.rows * 2 * chunk));
    for (int64_t row = 0; row < whole.rows; ++row) {
      for (const int64_t begin : begins) {
        const auto first = values.begin() + row * whole.length + begin;
        taken.insert(taken.end(), first, first + chunk);
      }
    }
    return taken;
  };
  Batch own;
  own.rows = whole.rows;
  own.length = 2 * chunk;
  own.tokens = take(whole.tokens);
  own.targets = take(whole.targets);
  own.weights = take(whole.weights);
  own.positions = take(whole.positions);
  own.documents = take(whole.documents);
  own.document_tokens = take(whole.document_tokens);
  own.one_document = whole.one_document;
  for (const int64_t begin : begins)
    for (int64_t place = begin; place < begin + chunk; ++place) own.places.push_back(place);
  own.samples = whole.samples;
  for (const int64_t bytes : whole.bytes)
    own.bytes.push_back(bytes * (part + 1) / parts - bytes * part / parts);
  own.columns = whole.columns;
  for (const auto& [name, values] : whole.token_columns) own.token_columns[name] = take(values);
  return own;
}

}  // namespace strata::data
