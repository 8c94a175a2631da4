// Rows that say how good answers are: pairs (`chosen`, `rejected`), rankings (`answers`, `ranks`),
// ratings (`answer`, `rating`) and good or bad ones (`completion`, `label`), each after a `prompt`.
// What rows and columns they give is said at RowKind (format.h).
#pragma once

#include <filesystem>
#include <memory>

#include "data/datasets/format.h"

namespace strata::data {

/// `prompt` may be left out where both answers are whole conversations: it is then what they have
/// in common. Optional: `margin` (0), `weight` (1), `tie` (false) or `preference` (1, or 0.5 =
/// tie).
std::unique_ptr<Dataset> open_pairs(const std::filesystem::path& file,
                                    const DatasetContext& context);

/// Two answers or more, a rank for each: 1 is the best, equal ranks are ties.
std::unique_ptr<Dataset> open_rankings(const std::filesystem::path& file,
                                       const DatasetContext& context);

/// `rating` is a number. Where rows name a `grader`, each grader's ratings are brought to mean 0
/// and deviation 1 over the file (0 where a grader gives all the same).
std::unique_ptr<Dataset> open_ratings(const std::filesystem::path& file,
                                      const DatasetContext& context);

/// `label` is true, false, 1 or 0. Two rows are needed, so that answers can be mismatched.
std::unique_ptr<Dataset> open_labelled(const std::filesystem::path& file,
                                       const DatasetContext& context);

}  // namespace strata::data
