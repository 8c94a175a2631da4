// The cutting steps of a pre-tokenizer: by a pattern, or at the mark that stands for a space.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/pre_tokenizer.h"

namespace strata::data {

class PreTokenizer::Step {
 public:
  virtual ~Step() = default;
  virtual void apply(Pieces& pieces, RegexScratch& scratch) const = 0;
};

/// What becomes of the matches of a pattern, as the `behavior` of a Split says.
enum class SplitBehavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

class SplitByPattern : public PreTokenizer::Step {
 public:
  /// `inverted`: what lies between the matches counts as the matches.
  SplitByPattern(Regex pattern, SplitBehavior behavior, bool inverted);
  void apply(Pieces& pieces, RegexScratch& scratch) const override;

 private:
  Regex pattern_;
  SplitBehavior behavior_;
  bool inverted_;
};

/// ByteLevel's add_prefix_space: every piece begins with a space.
class PrefixSpace : public PreTokenizer::Step {
 public:
  void apply(Pieces& pieces, RegexScratch& scratch) const override;
};

/// Spaces become a mark ("▁"), and each mark may begin a piece.
class SplitAtSpaceMark : public PreTokenizer::Step {
 public:
  enum class Prepend { kAlways, kFirst, kNever };
  SplitAtSpaceMark(std::string mark, Prepend prepend, bool split);
  void apply(Pieces& pieces, RegexScratch& scratch) const override;

 private:
  std::string mark_;
  Prepend prepend_;
  bool split_;
};

}  // namespace strata::data
