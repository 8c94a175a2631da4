// How far a piece of work is: a bar on a terminal, a plain line now and then elsewhere. Log lines
// push the bar aside.
//   Progress progress(log, "prepare");  ...  progress.update(done, total);  ...  progress.finish();
// Colours are left out where NO_COLOR is set. Says nothing where the log does not speak (other
// ranks, --quiet).
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/log.h"

namespace strata::base {

/// What is known of a piece of work. A rate below 0 is not known.
struct ProgressState {
  std::string what = {}, detail = {};
  int64_t done = 0, total = 0;
  double per_second = -1;
};

/// "prepare 120/1000 12.0% 41.2k/s eta 00:02:13 detail"; a total of 0 is not known and leaves out
/// share and time left.
std::string progress_text(const ProgressState& state);

/// The same behind a bar that fills the line up to `columns`.
std::string progress_bar(const ProgressState& state, int columns, bool color);

class Progress {
 public:
  Progress(Log& log, std::string what);
  ~Progress();  ///< finishes
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Cheap: shows something ten times a second at most. `detail` says what is being done just now.
  void update(int64_t done, int64_t total, std::string_view detail = "");
  /// Takes the bar away.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void draw();
  void erase();
  void step_aside(bool before);

  Log& log_;
  const bool speaks_, terminal_, color_;
  std::mutex mutex_;  ///< log lines of other threads move the bar too
  ProgressState state_;
  int64_t first_done_ = -1;  ///< of the first update: a resumed job does not start from 0
  Clock::time_point first_time_, last_shown_;
  bool drawn_ = false, aside_ = false, finished_ = false;
};

}  // namespace strata::base
