#include "data/tokenizer/tokenizer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/split_patterns.h"
#include "data/tokenizer/utf8.h"

namespace strata::data {
namespace {

using base::Json;

Json byte_level(bool use_regex) {
  return Json{{"type", "ByteLevel"},
              {"add_prefix_space", false},
              {"trim_offsets", true},
              {"use_regex", use_regex}};
}

/// GPT-2's pattern is ByteLevel's own; the others stand in a Split before it.
Json pre_tokenizer_of(const std::string& pattern) {
  if (pattern == "gpt2") return byte_level(true);
  const Json split{{"type", "Split"},
                   {"pattern", Json{{"Regex", split_pattern(pattern)}}},
                   {"behavior", "Isolated"},
                   {"invert", false}};
  return Json{{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level(false)})}};
}

Json added_token(int32_t id, const std::string& content) {
  return Json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
              {"rstrip", false}, {"normalized", false}, {"special", true}};
}

std::string quoted(const std::string& text) { return Json(text).dump(); }

/// `value` indented as it stands under a key of the outermost object.
std::string nested(const Json& value) {
  std::string text = value.dump(2);
  for (size_t at = 0; (at = text.find('\n', at)) != text.npos; at += 3) text.insert(at + 1, "  ");
  return text;
}

}  // namespace

TokenizerDraft::TokenizerDraft(const TokenizerTrainConfig& config)
    : config_(config), special_(config.special_tokens()) {
  tokens_ = special_;
  std::vector<uint8_t> bytes(256);
  for (int byte = 0; byte < 256; ++byte) bytes[byte] = static_cast<uint8_t>(byte);
  std::sort(bytes.begin(), bytes.end(),
            [](uint8_t a, uint8_t b) { return byte_symbol(a) < byte_symbol(b); });
  for (const uint8_t byte : bytes) {
    byte_ids_[byte] = size();
    append_code_point(tokens_.emplace_back(), byte_symbol(byte));
  }
}

void TokenizerDraft::add_merge(int32_t left, int32_t right) {
  merges_.emplace_back(left, right);
  tokens_.push_back(tokens_[static_cast<size_t>(left)] + tokens_[static_cast<size_t>(right)]);
}

// The vocabulary and the merges are written by hand: a Json object of many keys is slow.
std::string TokenizerDraft::tokenizer_json() const {
  Json added = Json::array();
  for (size_t id = 0; id < special_.size(); ++id)
    added.push_back(added_token(static_cast<int32_t>(id), special_[id]));
  std::string vocabulary, merges;
  for (size_t id = 0; id < tokens_.size(); ++id) {
    vocabulary += fmt::format("{}\n      {}: {}", id == 0 ? "" : ",", quoted(tokens_[id]), id);
  }
  for (const auto& [left, right] : merges_) {
    merges += fmt::format("{}\n      [\n        {},\n        {}\n      ]",
                          merges.empty() ? "" : ",", quoted(tokens_[static_cast<size_t>(left)]),
                          quoted(tokens_[static_cast<size_t>(right)]));
  }
  return fmt::format(
      "{{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  "
      "\"added_tokens\": {},\n"
      "  \"normalizer\": null,\n  \"pre_tokenizer\": {},\n  \"post_processor\": null,\n  "
      "\"decoder\": {},\n"
      "  \"model\": {{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n"
      "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    "
      "\"fuse_unk\": false,\n"
      "    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n    \"vocab\": {{{}\n    "
      "}},\n    \"merges\": [{}{}]\n  }}\n}}\n",
      nested(added), nested(pre_tokenizer_of(config_.pattern)), nested(byte_level(true)),
      vocabulary, merges, merges.empty() ? "" : "\n    ");
}

TokenizerFiles TokenizerDraft::files() const {
  Json others = Json::array();
  for (const std::string& token : special_) {
    if (token != config_.end && token != config_.pad) others.push_back(token);
  }
  Json map{{"eos_token", config_.end}};
  if (!config_.pad.empty()) map["pad_token"] = config_.pad;
  if (!others.empty()) map["additional_special_tokens"] = others;
  Json tokenizer_config = map;
  tokenizer_config["clean_up_tokenization_spaces"] = false;
  tokenizer_config["tokenizer_class"] = "PreTrainedTokenizerFast";

  TokenizerFiles files;
  files.source = "the new tokenizer";
  files.tokenizer_json = tokenizer_json();
  files.config_json = base::pretty_json(tokenizer_config);
  files.special_tokens_map_json = base::pretty_json(map);
  return files;
}

}  // namespace strata::data
