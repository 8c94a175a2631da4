// The batches of one data rank, step after step, made ahead of time by a thread of their own.
// Step k takes samples [k G, (k + 1) G) of the stream, G = the global batch; microbatch m of data
// rank r takes the b samples from k G + (m R + r) b on, R = the number of data ranks, b = the
// micro-batch. So a step is the same set on any layout, nobody asks anybody, and all there is to
// resume is the number of the next step.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/batch.h"
#include "data/sample_stream.h"

namespace strata::data {

struct LoaderOptions {
  int64_t global = 1;    ///< samples of a step, a multiple of micro x data_size
  int64_t micro = 1;     ///< samples of a microbatch
  int64_t sequence = 1;  ///< longest row
  int data_rank = 0, data_size = 1;
  /// Ranks that share every row (cut_rows); `sequence` and length_multiple are multiples of twice
  /// their number.
  int context_rank = 0, context_size = 1;
  /// Short rows are padded to the longest of the global step, rounded up to a multiple of this (at
  /// most `sequence`): the same on every rank. Padding changes no number.
  int64_t length_multiple = 16;
  int64_t steps_ahead = 2;  ///< how many steps the thread keeps ready
};

/// All there is to resume.
struct LoaderState {
  int64_t next_step = 0;
};

/// The microbatches of step k (from 0) on this data rank. A finite stream is filled up with rows of
/// weight 0 and sample number -1 in its last step, so that all ranks make the same calls; k <
/// steps_in().
std::vector<Batch> batches_of_step(const SampleStream& stream, const LoaderOptions& options,
                                   int64_t k);

/// Steps until every sample of a finite stream has come.
int64_t steps_in(int64_t samples, int64_t global);

/// Steps of `epochs` passes over the data: the last step is rounded up, and goes on into the next
/// pass for what it lacks, so that step k holds the same samples however long the training is.
int64_t steps_of_epochs(const SampleStream& stream, int64_t epochs, int64_t global);

class DataLoader {
 public:
  DataLoader(SampleStream stream, LoaderOptions options);
  ~DataLoader();
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;

  /// Microbatches of the next step; none when a finite stream has ended. What the thread met (a
  /// damaged block) is thrown here.
  std::vector<Batch> next();

  LoaderState state() const;
  /// Goes on (or back) to a step.
  void restore(LoaderState state);

  const SampleStream& stream() const;
  const LoaderOptions& options() const;
  /// Steps of a finite stream; the greatest number for an endless one.
  int64_t steps() const;
  /// Seconds that next() has waited for the thread so far.
  double wait_seconds() const;

 private:
  class Reader;
  SampleStream stream_;
  LoaderOptions options_;
  LoaderState state_;
  double wait_seconds_ = 0;
  std::unique_ptr<Reader> reader_;  ///< started by the first next()
};

}  // namespace strata::data
