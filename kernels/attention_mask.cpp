#include "kernels/attention_mask.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "kernels/attention_blocks.h"

namespace strata::kernels {
namespace {

constexpr int32_t kLeast = std::numeric_limits<int32_t>::min();
constexpr int32_t kNowhere = std::numeric_limits<int32_t>::max();  // the place of padding keys

std::vector<int32_t> narrowed(const int64_t* values, int64_t count) {
  std::vector<int32_t> result(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    base::ensure(values[i] > kLeast && values[i] < kNowhere,
                 "places and documents lie within 31 bits");
    result[i] = static_cast<int32_t>(values[i]);
  }
  return result;
}

std::vector<int32_t> places(const at::Tensor& place_t, int64_t count) {
  if (place_t.defined()) return narrowed(place_t.const_data_ptr<int64_t>(), count);
  std::vector<int32_t> result(static_cast<size_t>(count));
  std::iota(result.begin(), result.end(), 0);
  return result;
}

std::vector<int32_t> documents(const at::Tensor& document_bt, int64_t b, int64_t count) {
  if (!document_bt.defined()) return std::vector<int32_t>(static_cast<size_t>(count), 0);
  base::ensure(document_bt.is_contiguous() && document_bt.size(1) == count,
               "attention: one document number per token");
  return narrowed(document_bt.const_data_ptr<int64_t>() + b * count, count);
}

RowMask::Extent extent_of(const std::vector<int32_t>& places, const std::vector<int32_t>& documents,
                          int64_t first, int64_t count) {
  const auto least_and_most = [&](const std::vector<int32_t>& values) {
    return std::minmax_element(values.begin() + first, values.begin() + first + count);
  };
  const auto place = least_and_most(places), document = least_and_most(documents);
  return {*place.first, *place.second, *document.first, *document.second};
}

}  // namespace

RowMask::RowMask(const AttentionMask& mask, int64_t b, int64_t queries, int64_t keys,
                 int64_t key_block)
    : causal_(mask.causal),
      window_(mask.window),
      key_block_(key_block),
      query_places_(places(mask.query_place_t, queries)),
      key_places_(places(mask.key_place_t, keys)),
      query_documents_(documents(mask.document_bt, b, queries)),
      key_documents_(documents(
          mask.key_document_bt.defined() ? mask.key_document_bt : mask.document_bt, b, keys)) {
  const auto padded = static_cast<size_t>((keys + key_block - 1) / key_block * key_block);
  key_places_.resize(padded, kNowhere);
  key_documents_.resize(padded, kLeast);
  for (int64_t first = 0; first < static_cast<int64_t>(padded); first += key_block)
    key_extents_.push_back(extent_of(key_places_, key_documents_, first, key_block));
}

int32_t RowMask::first_seen(int64_t q) const {
  if (window_ <= 0) return kLeast;
  return static_cast<int32_t>(std::max<int64_t>(kLeast, query_places_[q] - window_ + 1));
}

int32_t RowMask::last_seen(int64_t q) const { return causal_ ? query_places_[q] : kNowhere - 1; }

RowMask::Extent RowMask::queries(int64_t first, int64_t count) const {
  return extent_of(query_places_, query_documents_, first, count);
}

Sight RowMask::sight(const Extent& query, int64_t block) const {
  const Extent& key = key_extents_[block];
  const bool padded = key.last_place == kNowhere;
  if (causal_ && key.first_place > query.last_place) return Sight::kNone;
  if (window_ > 0 && !padded && key.last_place <= query.first_place - window_) return Sight::kNone;
  if (key.first_document > query.last_document) return Sight::kNone;
  if (key.last_document < query.first_document) return Sight::kNone;

  const bool in_time = !padded && (!causal_ || key.last_place <= query.first_place);
  const bool in_window = window_ <= 0 || key.first_place > query.last_place - window_;
  const bool one_document =
      query.first_document == query.last_document && key.first_document == key.last_document;
  return in_time && in_window && one_document ? Sight::kAll : Sight::kSome;
}

int64_t RowMask::reach(const Extent& query, int64_t block) const {
  const int32_t* places = key_places_.data() + block * key_block_;
  const int32_t last = causal_ ? query.last_place : kNowhere - 1;
  int64_t keys = key_block_;
  while (keys > 1 && places[keys - 1] > last) --keys;
  return std::min((keys + 15) / 16 * 16, key_block_);
}

void RowMask::apply(int64_t q, int64_t block, int64_t keys, float* scores) const {
  const int64_t first = block * key_block_;
  blocks::mask_row(scores, key_places_.data() + first, key_documents_.data() + first, first_seen(q),
                   last_seen(q), query_documents_[q], keys);
}

}  // namespace strata::kernels
