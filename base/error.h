// The two kinds of failure, kept apart: what the user can mend and what we must mend.
// Knows nothing of ranks: whoever prints an error adds the rank.
#pragma once

#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace strata::base {

/// Process exit codes, the ones that docs/cli.md promises.
enum ExitCode : int {
  kDone = 0,
  kBadUsage = 2,       ///< bad config or command line; also a missing model or tokenizer
  kBadData = 3,        ///< bad or missing input data
  kBadCheckpoint = 4,  ///< no sound checkpoint
  kBadNumbers = 5,     ///< NaN or Inf in the loss or the gradient
  kRankLost = 6,       ///< a rank hung or was lost
  kDiskTrouble = 7,    ///< full disk or another I/O error
  kStopped = 75,       ///< stopped on request with its state saved: run again to go on
};

/// The user can mend it. Shown without a stack, by rank 0 alone; the process ends with `exit_code`.
/// `what` says what was wrong, what was expected and, where there is one, the nearest valid name.
struct UserError : std::runtime_error {
  UserError(ExitCode exit_code, const std::string& what);
  ExitCode exit_code;
};

/// We must mend it: a broken invariant. Shown with file:line (and by the caller with the rank).
struct InternalError : std::logic_error {
  explicit InternalError(const std::string& what,
                         std::source_location where = std::source_location::current());
};

/// Throws InternalError unless `condition` holds.
inline void ensure(bool condition, std::string_view what,
                   std::source_location where = std::source_location::current()) {
  if (!condition) throw InternalError(std::string(what), where);
}

/// The candidate nearest to `word` by edit distance, or "" where none is near enough to be meant.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

/// " (did you mean 'x'?)" or "": ready to be put after a message.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace strata::base
