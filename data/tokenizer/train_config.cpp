#include "data/tokenizer/train_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/tokenizer/split_patterns.h"

namespace strata::data {

void TokenizerTrainConfig::fields(base::Fields& f) {
  f("files", files, "Texts to learn from: text or JSONL (field `text`), plain, .gz or .zst.");
  f("vocab_size", vocab_size, "Tokens in all: 256 bytes, the special tokens, and merges.",
    base::between(257, 1 << 24));
  f("pattern", pattern, "How text is cut into pieces before merging.",
    base::one_of(split_pattern_names()));
  f("special", special, "Special tokens, recognised in text.");
  f("end", end, "The token that ends a document or an answer.");
  f("pad", pad, "The token that fills up batches; empty for none.");
}

void TokenizerTrainConfig::check(base::Problems& problems, const std::string& prefix) const {
  const std::vector<std::string> tokens = special_tokens();
  if (end.empty())
    problems.add(prefix + ".end",
                 "is empty; every document must close with a token, such as <|end|>");
  if (end == pad)
    problems.add(prefix + ".pad",
                 fmt::format("is '{}', the end token; padding needs one of its own", pad));
  if (std::find(tokens.begin(), tokens.end(), "") != tokens.end())
    problems.add(prefix + ".special", "holds an empty token");
  const auto least = static_cast<int64_t>(256 + tokens.size());
  if (vocab_size < least) {
    problems.add(prefix + ".vocab_size",
                 fmt::format("is {}, too small: 256 bytes and {} special tokens need at least {}",
                             vocab_size, tokens.size(), least));
  }
}

std::vector<std::string> TokenizerTrainConfig::special_tokens() const {
  std::vector<std::string> tokens;
  const auto add = [&](const std::string& token) {
    if (std::find(tokens.begin(), tokens.end(), token) == tokens.end()) tokens.push_back(token);
  };
  for (const std::string& token : special) add(token);
  if (!end.empty()) add(end);
  if (!pad.empty()) add(pad);
  return tokens;
}

}  // namespace strata::data
