#include "data/datasets/packed.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"

namespace strata::data {

namespace {

/// The room left in each of a row of bins, as a tree of maxima: the first bin with enough room is
/// found by going down.
class RoomTree {
 public:
  RoomTree(size_t bins, int64_t room)
      : leaves_(std::bit_ceil(std::max<size_t>(bins, 1))), most_(2 * leaves_, room) {}

  /// The first bin that has `length` left; it is taken out of it.
  size_t take(int64_t length) {
    size_t node = 1;
    while (node < leaves_) node = most_[2 * node] >= length ? 2 * node : 2 * node + 1;
    const size_t bin = node - leaves_;
    most_[node] -= length;
    for (node /= 2; node > 0; node /= 2)
      most_[node] = std::max(most_[2 * node], most_[2 * node + 1]);
    return bin;
  }

 private:
  size_t leaves_;
  std::vector<int64_t> most_;  // node i has the children 2 i and 2 i + 1; leaves come last
};

void append(Row& pack, const Row& row, int32_t document) {
  const auto add = [](auto& into, const auto& values) {
    into.insert(into.end(), values.begin(), values.end());
  };
  add(pack.tokens, row.tokens);
  add(pack.targets, row.targets);
  add(pack.weights, row.weights);
  add(pack.positions, row.positions);
  pack.documents.resize(pack.tokens.size(), document);
  pack.bytes += row.bytes;
}

}  // namespace

std::vector<std::vector<int64_t>> first_fit(const std::vector<int64_t>& lengths, int64_t room) {
  RoomTree rooms(lengths.size(), room);
  std::vector<std::vector<int64_t>> bins;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const size_t bin = rooms.take(std::min(lengths[i], room));
    if (bin >= bins.size()) bins.resize(bin + 1);
    bins[bin].push_back(static_cast<int64_t>(i));
  }
  return bins;
}

PackedDataset::PackedDataset(std::unique_ptr<Dataset> rows, int64_t sequence)
    : rows_(std::move(rows)), sequence_(sequence) {
  base::ensure(rows_->rows_per_sample() == 1, "only single rows are packed");
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < rows_->size(); ++i) lengths.push_back(rows_->length(i));
  packs_ = first_fit(lengths, sequence);
}

void PackedDataset::get(int64_t sample, std::vector<Row>& rows) const {
  Row pack;
  int32_t document = 0;
  for (const int64_t number : packs_.at(static_cast<size_t>(sample))) {
    std::vector<Row> one;
    rows_->get(number, one);
    append(pack, one.at(0), document++);
  }
  rows.push_back(std::move(pack));
}

int64_t PackedDataset::length(int64_t sample) const {
  int64_t length = 0;
  for (const int64_t number : packs_[static_cast<size_t>(sample)]) length += rows_->length(number);
  return length;
}

std::string PackedDataset::describe() const {
  int64_t tokens = 0;
  for (int64_t pack = 0; pack < size(); ++pack) tokens += length(pack);
  const double room = static_cast<double>(std::max<int64_t>(size(), 1) * sequence_);
  return fmt::format("{}; packed into {} sequences of {}, {:.0f}% full", rows_->describe(), size(),
                     sequence_, 100.0 * static_cast<double>(tokens) / room);
}

std::string PackedDataset::fingerprint() const {
  return base::fingerprint(fmt::format("{} packed into {}", rows_->fingerprint(), sequence_));
}

std::unique_ptr<Dataset> packed_if_asked(std::unique_ptr<Dataset> rows,
                                         const DatasetContext& context) {
  if (!context.packing) return rows;
  return std::make_unique<PackedDataset>(std::move(rows), context.sequence);
}

}  // namespace strata::data
