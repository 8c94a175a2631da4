// What a job trains or evaluates on: a known number of samples, each of which gives one row of a
// batch or several. A dataset checks all its rows when it is opened, so that a bad one stops the
// job before it starts. Knows no order, no batch and no rank.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/batch.h"

namespace strata::data {

class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;  ///< samples

  /// Rows that every sample gives: 1, or 2 for a pair of answers.
  virtual int64_t rows_per_sample() const { return 1; }

  /// Appends the rows of a sample. Thread-safe.
  virtual void get(int64_t sample, std::vector<Row>& rows) const = 0;

  /// Length of the sample's longest row, found without making it.
  virtual int64_t length(int64_t sample) const = 0;

  /// One line for the log: what it is, how many samples, what was cut or left out.
  virtual std::string describe() const = 0;

  /// Equal for datasets that give equal samples.
  virtual std::string fingerprint() const = 0;
};

}  // namespace strata::data
