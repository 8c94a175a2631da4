// The files of a tokenizer as Hugging Face lays them: tokenizer.json, tokenizer_config.json,
// special_tokens_map.json, chat_template.jinja. Read as they are and written back as they are;
// knows where the special tokens' roles and the chat template stand in them, and nothing of how
// text is encoded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"

namespace strata::data {

struct TokenizerFiles {
  std::string source = "tokenizer.json";  ///< opens messages
  std::string tokenizer_json;             ///< the text of each file; empty where there is none
  std::string config_json;
  std::string special_tokens_map_json;
  std::string chat_template;  ///< Jinja text; empty: none

  /// `path` is a folder or a tokenizer.json. UserError (kBadUsage) if that file is missing.
  static TokenizerFiles read(const base::fs::path& path);
  /// Writes into a folder, which is made if need be. tokenizer.json keeps its bytes;
  /// tokenizer_config.json gets the chat template.
  void write(const base::fs::path& folder) const;
  /// Puts the end token into tokenizer_config.json, for files that leave it to be guessed.
  void name_end_token(const std::string& token);
};

/// Which token plays which part, as far as the files say.
struct TokenRoles {
  std::optional<std::string> bos, end, pad;
  std::vector<std::string> special;  ///< all that have any part, in transformers' order
  std::optional<bool> add_bos,
      add_end;  ///< whether a text is put between them; unset: as the post-processor says
  std::vector<base::SortedJson> added;  ///< entries of added_tokens_decoder, by id
};
TokenRoles read_token_roles(const TokenizerFiles& files);

}  // namespace strata::data
