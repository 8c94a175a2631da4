// Settings of `strata tokenizer train`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"

namespace strata::data {

struct TokenizerTrainConfig {
  std::vector<std::string> files;
  int64_t vocab_size = 4096;
  std::string pattern = "llama3";
  std::vector<std::string> special = {"<|end|>"};
  std::string end = "<|end|>";
  std::string pad = "<|pad|>";

  void fields(base::Fields& f);
  /// Complaints under `prefix` ("tokenizer.train").
  void check(base::Problems& problems, const std::string& prefix) const;
  /// All special tokens in the order of their ids: `special`, then `end` and `pad` if they are not
  /// among them.
  std::vector<std::string> special_tokens() const;
};

}  // namespace strata::data
