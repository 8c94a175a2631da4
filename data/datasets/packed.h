// Several rows of a dataset in one sequence, none of which sees another: the document's number
// keeps attention inside a row, positions start anew, and as every row brings its own targets none
// is trained to predict the beginning of the next. A sequence of rows is one sample. The plan is
// made when the dataset is opened, from lengths alone, so every rank has the same.
#pragma once

#include <memory>
#include <vector>

#include "data/dataset.h"
#include "data/datasets/format.h"

namespace strata::data {

/// First fit: each length goes into the first bin of `room` that has space left, bins and lengths
/// in their order; result[b] are the numbers of the lengths in bin b. O(n log n). A length above
/// `room` has a bin of its own.
std::vector<std::vector<int64_t>> first_fit(const std::vector<int64_t>& lengths, int64_t room);

class PackedDataset : public Dataset {
 public:
  /// `rows` gives one row per sample, none longer than `sequence`.
  PackedDataset(std::unique_ptr<Dataset> rows, int64_t sequence);

  int64_t size() const override { return static_cast<int64_t>(packs_.size()); }
  void get(int64_t sample, std::vector<Row>& rows) const override;
  int64_t length(int64_t sample) const override;
  std::string describe() const override;
  std::string fingerprint() const override;

 private:
  std::unique_ptr<Dataset> rows_;
  int64_t sequence_;
  std::vector<std::vector<int64_t>> packs_;
};

/// The dataset itself, or packed where the context asks for it.
std::unique_ptr<Dataset> packed_if_asked(std::unique_ptr<Dataset> rows,
                                         const DatasetContext& context);

}  // namespace strata::data
