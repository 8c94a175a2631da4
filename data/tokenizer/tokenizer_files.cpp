#include "data/tokenizer/tokenizer_files.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

namespace strata::data {
namespace {

constexpr const char* kConfigName = "tokenizer_config.json";
constexpr const char* kSpecialMapName = "special_tokens_map.json";
constexpr const char* kTemplateName = "chat_template.jinja";

std::string read_if_there(const base::fs::path& path) {
  return base::fs::exists(path) ? base::read_file(path, base::kBadUsage) : std::string();
}

/// A special token stands in the files as its text or as an object with `content`.
std::optional<std::string> token_text(const base::SortedJsonReader& reader,
                                      const std::string& key) {
  if (!reader.has(key)) return std::nullopt;
  return reader.at(key).is_object() ? reader.object(key).string("content") : reader.string(key);
}

base::Json config_or_empty(const std::string& text) {
  return text.empty() ? base::Json::object() : base::parse_json(text, kConfigName, base::kBadUsage);
}

base::SortedJson parse_if_there(const std::string& text, const char* name) {
  return text.empty() ? base::SortedJson::object()
                      : base::parse_sorted_json(text, name, base::kBadUsage);
}

/// One template, or several by name, of which the one called "default" counts.
std::string template_in_config(const base::SortedJsonReader& config) {
  if (!config.has("chat_template")) return "";
  if (!config.at("chat_template").is_array()) return config.string("chat_template");
  for (const base::SortedJson& entry : config.array("chat_template")) {
    const base::SortedJsonReader reader(entry, config.source(), base::kBadUsage);
    if (reader.string("name") == "default") return reader.string("template");
  }
  return "";
}

/// transformers' classes for Llama and Mistral rebuild the post-processor from these two keys, and
/// put a BOS unless told not to; for other classes only a plain `true` speaks.
void follow_llama_class(const base::SortedJsonReader& config, TokenRoles& roles) {
  const std::string name = config.string("tokenizer_class", "");
  const bool is_llama = name.starts_with("Llama") || name.starts_with("CodeLlama");
  const bool add_bos = config.boolean("add_bos_token", is_llama);
  const bool add_end = config.boolean("add_eos_token", false);
  if (add_bos || is_llama) roles.add_bos = add_bos;
  if (add_end || is_llama) roles.add_end = add_end;
}

std::vector<base::SortedJson> added_tokens_by_id(const base::SortedJsonReader& config) {
  if (!config.has("added_tokens_decoder")) return {};
  std::map<int64_t, base::SortedJson> by_id;
  for (const auto& [id, entry] : config.object("added_tokens_decoder").value().items()) {
    by_id.emplace(std::strtoll(id.c_str(), nullptr, 10), entry);
  }
  std::vector<base::SortedJson> entries;
  for (auto& [id, entry] : by_id) entries.push_back(std::move(entry));
  return entries;
}

}  // namespace

TokenizerFiles TokenizerFiles::read(const base::fs::path& path) {
  const base::fs::path file = base::fs::is_directory(path) ? path / "tokenizer.json" : path;
  if (!base::fs::exists(file)) {
    throw base::UserError(
        base::kBadUsage,
        fmt::format("no tokenizer at {}: {} is missing (`strata tokenizer train` makes one)",
                    path.string(), file.string()));
  }
  const base::fs::path folder = file.parent_path();
  TokenizerFiles files;
  files.source = file.string();
  files.tokenizer_json = base::read_file(file, base::kBadUsage);
  files.config_json = read_if_there(folder / kConfigName);
  files.special_tokens_map_json = read_if_there(folder / kSpecialMapName);
  files.chat_template = read_if_there(folder / kTemplateName);
  if (files.chat_template.empty() && !files.config_json.empty()) {
    const std::string source = (folder / kConfigName).string();
    const auto config = base::parse_sorted_json(files.config_json, source, base::kBadUsage);
    files.chat_template = template_in_config({config, source, base::kBadUsage});
  }
  return files;
}

void TokenizerFiles::write(const base::fs::path& folder) const {
  base::Json config = config_or_empty(config_json);
  config.erase("chat_template");
  if (!chat_template.empty()) config["chat_template"] = chat_template;
  if (!config.contains("tokenizer_class")) config["tokenizer_class"] = "PreTrainedTokenizerFast";
  // Without this, that class returns token_type_ids too, which no causal model takes.
  if (!config.contains("model_input_names"))
    config["model_input_names"] = {"input_ids", "attention_mask"};
  base::write_file(folder / "tokenizer.json", tokenizer_json);
  base::write_file(folder / kConfigName, base::pretty_json(config));
  if (special_tokens_map_json.empty()) return;
  base::write_file(folder / kSpecialMapName, special_tokens_map_json);
}

void TokenizerFiles::name_end_token(const std::string& token) {
  base::Json config = config_or_empty(config_json);
  config["eos_token"] = token;
  config_json = base::pretty_json(config);
}

TokenRoles read_token_roles(const TokenizerFiles& files) {
  TokenRoles roles;
  const base::SortedJson config = parse_if_there(files.config_json, kConfigName);
  const base::SortedJson map = parse_if_there(files.special_tokens_map_json, kSpecialMapName);
  const base::SortedJsonReader reader(config, kConfigName, base::kBadUsage);
  const base::SortedJsonReader map_reader(map, kSpecialMapName, base::kBadUsage);
  const auto role = [&](const std::string& key) {
    const auto token = token_text(reader, key);
    return token ? token : token_text(map_reader, key);
  };
  roles.bos = role("bos_token");
  roles.end = role("eos_token");
  roles.pad = role("pad_token");
  for (const char* key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token",
                          "cls_token", "mask_token"}) {
    if (const auto token = role(key)) roles.special.push_back(*token);
  }
  follow_llama_class(reader, roles);
  roles.added = added_tokens_by_id(reader);
  return roles;
}

}  // namespace strata::data
