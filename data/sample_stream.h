// Datasets in one order: sample number n of a job's data. Endless and shuffled for training, finite
// and in place for evaluation. Knows no step, no batch and no rank.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/datasets/format.h"
#include "data/order.h"

namespace strata::data {

class SampleStream {
 public:
  /// A dataset and its share of the training samples.
  struct Source {
    std::unique_ptr<Dataset> dataset;
    double weight = 1.0;
  };

  /// Endless: every source is passed through again and again, by default in a new order each time.
  static SampleStream training(std::vector<Source> sources, uint64_t seed, bool shuffle);
  /// Every sample of every source once.
  static SampleStream evaluation(std::vector<std::unique_ptr<Dataset>> datasets);

  /// The streams of a config's data.train and data.eval. kBadUsage where data.train names nothing;
  /// no data.eval gives an evaluation stream of size 0.
  static SampleStream open_training(const DatasetContext& context, uint64_t seed);
  static SampleStream open_evaluation(const DatasetContext& context);

  /// Samples in all; nothing for an endless stream.
  std::optional<int64_t> size() const { return size_; }
  /// Samples of all sources together: one epoch.
  int64_t epoch_size() const;
  int64_t rows_per_sample() const;

  /// Appends the rows of sample n; n < size() where there is one.
  void get(int64_t n, std::vector<Row>& rows) const;
  int64_t length(int64_t n) const;

  /// A line per source, for the log.
  std::vector<std::string> describe() const;
  /// Equal for streams of equal samples (the order aside).
  std::string fingerprint() const;

 private:
  SampleStream(std::vector<std::unique_ptr<Dataset>> datasets,
               std::function<SamplePlace(int64_t)> place, std::optional<int64_t> size);

  std::vector<std::unique_ptr<Dataset>> datasets_;
  std::function<SamplePlace(int64_t)> place_;
  std::optional<int64_t> size_;
};

}  // namespace strata::data
