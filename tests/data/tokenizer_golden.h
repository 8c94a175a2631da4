// The golden files of tests/golden/tokenizer, which make_tokenizer.py writes with the `tokenizers`
// library.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/tokenizer/tokenizer.h"
#include "tests/support/paths.h"

namespace strata::tests {

inline base::fs::path tokenizer_golden(const std::string& file) {
  return tests_folder() / "golden/tokenizer" / file;
}

inline data::Tokenizer golden_tokenizer(const std::string& name) {
  return data::Tokenizer::load(tokenizer_golden(name + ".json"));
}

inline std::vector<std::string> golden_texts() {
  return base::read_sorted_json(tokenizer_golden("texts.json")).get<std::vector<std::string>>();
}

/// One of the golden tokenizers with `change` made to its tokenizer.json, and this
/// tokenizer_config.json.
template <class Change>
data::Tokenizer changed_tokenizer(const std::string& name, const Change& change,
                                  const std::string& config = "") {
  base::SortedJson json = base::read_sorted_json(tokenizer_golden(name + ".json"));
  change(json);
  data::TokenizerFiles files;
  files.tokenizer_json = json.dump();
  files.config_json = config;
  return data::Tokenizer(std::move(files));
}

}  // namespace strata::tests
