// The tokens that a tokenizer's own rules put before and behind a text (BOS, EOS). Reads the
// `post_processor` of a tokenizer.json: TemplateProcessing, ByteLevel (which only concerns offsets)
// and Sequences of them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/json.h"

namespace strata::data {

struct SurroundingTokens {
  std::vector<int32_t> before, behind;
};

/// `root` is the whole tokenizer.json. UserError (kBadUsage) for a post-processor that is not
/// supported.
SurroundingTokens read_post_processor(const base::SortedJsonReader& root);

}  // namespace strata::data
