// TensorBoard event files of scalars, without TensorBoard: the few protocol buffer fields that a
// scalar needs, written by hand in TFRecord framing (length, masked CRC32C of the length, bytes,
// masked CRC32C of the bytes). Formats: tensorflow/core/util/event.proto, framework/summary.proto
// and lib/io/record_writer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/metrics_file.h"

namespace strata::base {

/// The records of an event file. `wall_time` is in seconds since 1970.
std::string tensorboard_header(double wall_time);
/// Says that what other files of the folder hold from `step` on counts no more.
std::string tensorboard_restart(double wall_time, int64_t step);
/// One record with all values of a row but "step".
std::string tensorboard_scalars(double wall_time, int64_t step, const MetricRow& row);

class TensorboardFile {
 public:
  /// Opens a new event file in `folder`, for the steps after `done`.
  TensorboardFile(const fs::path& folder, int64_t done);
  /// Written through to the system at once.
  void append(int64_t step, const MetricRow& row);

 private:
  OutputFile file_;
};

}  // namespace strata::base
