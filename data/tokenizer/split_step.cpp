#include "data/tokenizer/split_step.h"

#include <utility>

#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/unicode_agreement.h"

namespace strata::data {
namespace {

struct Stretch {
  size_t begin, end;
  bool is_match;
};

/// Cuts `span` of `subject` into matches and what lies between, without gaps.
template <class Use>
void for_each_stretch(std::string_view subject, TextSpan span, const Regex& pattern,
                      RegexScratch& scratch, const Use& use) {
  // A piece is matched alone: what stands before and after it does not show.
  const std::string_view piece = subject.substr(span.begin, span.end - span.begin);
  size_t done = 0;
  TextSpan match;
  for (size_t from = 0; from < piece.size() && pattern.find(piece, from, match, scratch);) {
    if (done < match.begin) use(Stretch{span.begin + done, span.begin + match.begin, false});
    if (match.begin < match.end) {
      use(Stretch{span.begin + match.begin, span.begin + match.end, true});
    }
    done = match.end;
    from = after_match(piece, match);
  }
  if (done < piece.size()) use(Stretch{span.begin + done, span.end, false});
}

/// A match joins the stretch before it (kMergedWithPrevious), or all neighbours of its kind join
/// (kContiguous).
void append_merged(std::vector<TextSpan>& out, const std::vector<Stretch>& stretches,
                   SplitBehavior behavior) {
  bool previous_match = false, first = true;
  for (const Stretch& stretch : stretches) {
    const bool joins = behavior == SplitBehavior::kContiguous ? stretch.is_match == previous_match
                                                              : stretch.is_match && !previous_match;
    if (joins && !first) {
      out.back().end = stretch.end;
    } else {
      out.push_back({stretch.begin, stretch.end});
    }
    previous_match = stretch.is_match;
    first = false;
  }
}

void append_merged_with_next(std::vector<TextSpan>& out, const std::vector<Stretch>& stretches) {
  std::vector<TextSpan> backwards;
  bool next_match = false;
  for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch) {
    if (stretch->is_match && !next_match && !backwards.empty()) {
      backwards.back().begin = stretch->begin;
    } else {
      backwards.push_back({stretch->begin, stretch->end});
    }
    next_match = stretch->is_match;
  }
  out.insert(out.end(), backwards.rbegin(), backwards.rend());
}

/// Rewrites every piece: `rewrite(piece, span, out)` appends the new text of one.
template <class Rewrite>
void rewrite_pieces(Pieces& pieces, const Rewrite& rewrite) {
  std::string text;
  text.reserve(pieces.text.size() + pieces.text.size() / 8 + 16);
  for (TextSpan& span : pieces.spans) {
    const size_t begin = text.size();
    rewrite(pieces.text.substr(span.begin, span.end - span.begin), span, text);
    span = {begin, text.size()};
  }
  pieces.own = std::move(text);
  pieces.text = pieces.own;
}

}  // namespace

SplitByPattern::SplitByPattern(Regex pattern, SplitBehavior behavior, bool inverted)
    : pattern_(std::move(pattern)), behavior_(behavior), inverted_(inverted) {}

void SplitByPattern::apply(Pieces& pieces, RegexScratch& scratch) const {
  std::string shadow;
  const std::string_view subject =
      make_class_shadow(pieces.text, shadow) ? std::string_view(shadow) : pieces.text;
  std::vector<TextSpan> out;
  out.reserve(pieces.text.size() / 4 + pieces.spans.size());
  std::vector<Stretch> stretches;
  for (const TextSpan& span : pieces.spans) {
    if (behavior_ == SplitBehavior::kIsolated || behavior_ == SplitBehavior::kRemoved) {
      for_each_stretch(subject, span, pattern_, scratch, [&](Stretch stretch) {
        const bool removed = behavior_ == SplitBehavior::kRemoved && stretch.is_match != inverted_;
        if (!removed) out.push_back({stretch.begin, stretch.end});
      });
      continue;
    }
    stretches.clear();
    for_each_stretch(subject, span, pattern_, scratch, [&](Stretch stretch) {
      stretches.push_back({stretch.begin, stretch.end, stretch.is_match != inverted_});
    });
    if (behavior_ == SplitBehavior::kMergedWithNext) {
      append_merged_with_next(out, stretches);
    } else {
      append_merged(out, stretches, behavior_);
    }
  }
  pieces.spans = std::move(out);
}

void PrefixSpace::apply(Pieces& pieces, RegexScratch&) const {
  rewrite_pieces(pieces, [](std::string_view piece, TextSpan, std::string& out) {
    if (!piece.starts_with(' ')) out += ' ';
    out += piece;
  });
}

SplitAtSpaceMark::SplitAtSpaceMark(std::string mark, Prepend prepend, bool split)
    : mark_(std::move(mark)), prepend_(prepend), split_(split) {}

void SplitAtSpaceMark::apply(Pieces& pieces, RegexScratch&) const {
  rewrite_pieces(pieces, [&](std::string_view piece, TextSpan span, std::string& out) {
    const bool wanted = prepend_ == Prepend::kAlways ||
                        (prepend_ == Prepend::kFirst && pieces.at_start && span.begin == 0);
    if (wanted && !piece.starts_with(' ') && !piece.starts_with(mark_)) out += mark_;
    out += replace_all(piece, " ", mark_);
  });
  if (!split_) return;
  std::vector<TextSpan> out;
  for (const TextSpan& span : pieces.spans) {
    const std::string_view up_to_end = pieces.text.substr(0, span.end);
    size_t begin = span.begin;
    for (size_t mark; (mark = up_to_end.find(mark_, begin + 1)) != up_to_end.npos; begin = mark)
      out.push_back({begin, mark});
    out.push_back({begin, span.end});
  }
  pieces.spans = std::move(out);
}

}  // namespace strata::data
