// What `strata tokenizer encode`, `decode` and `info` do, without the command line.
#pragma once

#include <cstdint>

#include "base/file.h"
#include "base/json.h"
#include "data/tokenizer/tokenizer.h"

namespace strata::data {

/// Each row {"text": ...} of a JSONL file becomes {"input_ids": [...]}; `add_special`: with the
/// tokens that the tokenizer's own rules add. Returns the number of rows. UserError (kBadData) for
/// a bad row, with FILE:LINE; `out` then keeps its old content.
int64_t encode_file(const Tokenizer& tokenizer, const base::fs::path& rows,
                    const base::fs::path& out, bool add_special);

/// The way back: {"input_ids": [...]} to {"text": ...}, special tokens kept. An id outside the
/// vocabulary is a bad row.
int64_t decode_file(const Tokenizer& tokenizer, const base::fs::path& rows,
                    const base::fs::path& out);

/// Size, special tokens and what encoding adds, for people and scripts.
base::Json describe_tokenizer(const Tokenizer& tokenizer);

}  // namespace strata::data
