// The patterns by which known tokenizers cut text into pieces before byte-pair encoding, in
// Oniguruma's dialect as they stand in tokenizer.json, by the name that a config uses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata::data {

/// ByteLevel with use_regex: what GPT-2 cuts by.
extern const std::string_view kGpt2Pattern;

/// gpt2, llama3, qwen2, o200k.
std::vector<std::string> split_pattern_names();

/// The pattern of a name in split_pattern_names(); InternalError for another.
std::string_view split_pattern(std::string_view name);

}  // namespace strata::data
