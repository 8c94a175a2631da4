// From the pages of all ranks to words: who waits for whom, and which rank is behind. Pure: reads
// no file and no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "parallel/comm/trace.h"

namespace strata::parallel {

/// What is known of the ranks at one moment.
struct Scene {
  std::span<const std::unique_ptr<TracePage>> pages;  ///< [world rank]
  int64_t now_ns = 0;                                 ///< wall clock
  int64_t silent_after_ns =
      0;  ///< a rank without a sign of life for so long is stopped or out of reach
};

/// The ranks on which the waiting of rank `from` depends in the end and that do not wait themselves
/// (or cannot). Empty where ranks wait for each other.
std::vector<int> ranks_behind(const Scene& scene, int from);

/// Whether rank `from` waits, in the end, for one that is alive and busy outside communication.
bool waits_for_a_busy_rank(const Scene& scene, int from);

/// Why rank `from` waits: names the ranks that are behind, or the calls that do not match. A few
/// lines.
std::string explain_hang(const Scene& scene, int from);

/// State and last `count` operations of every rank.
std::string describe_ranks(const Scene& scene, int count);

}  // namespace strata::parallel
