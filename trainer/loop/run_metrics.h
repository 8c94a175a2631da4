// What a run says of itself: a row per logged step in RUN/metrics.jsonl, the same in TensorBoard
// files, and the line on the console. Knows numbers and names, no model.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/metrics_file.h"
#include "base/progress.h"
#include "base/tensorboard_file.h"
#include "trainer/loop/algorithm.h"
#include "trainer/loop/metric_log.h"
#include "trainer/loop/peak_flops.h"

namespace strata::trainer {

class Session;

class RunMetrics {
 public:
  /// Goes on after step `done` of `steps`: rows of later steps are dropped from the file.
  /// Collective.
  RunMetrics(Session& session, int64_t done, int64_t steps);
  ~RunMetrics();

  /// Counts a step for rates and the progress bar.
  void after_step(int64_t k, const Algorithm::Work& work, double data_wait_seconds);

  /// One row: the step's own metrics, its rate, and those of an evaluation (under "eval/") if there
  /// was one. Collective.
  void write(int64_t k, double learning_rate, int64_t tokens_so_far,
             const MetricLog::Values& training, const MetricLog::Values& evaluation);

 private:
  using Clock = std::chrono::steady_clock;
  struct Rates {
    double tokens_per_second, mfu, memory_gib, data_fraction, eta_seconds;
  };
  Rates rates(int64_t k);
  void show(int64_t k, double learning_rate, const Rates& rates, const MetricLog::Values& training,
            const MetricLog::Values& evaluation);

  Session& session_;
  const int64_t steps_;
  std::optional<base::MetricsFile> file_;  // on rank 0
  std::optional<base::TensorboardFile> tensorboard_;
  std::optional<base::Progress> progress_;

  // Since the last row.
  Clock::time_point since_;
  int64_t steps_since_ = 0;
  Algorithm::Work work_since_;
  double wait_seen_ = 0, wait_since_ = 0;

  PeakFlops peak_flops_;
};

}  // namespace strata::trainer
