#include "data/tokenizer/tokenizer_files.h"

#include <fmt/format.h>

#include <algorithm>
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
  base::Json config = config_json.empty()
                          ? base::Json::object()
                          : base::parse_json(config_json, kConfigName, base::kBadUsage);
  config.erase("chat_template");
  if (!chat_template.empty()) config["chat_template"] = chat_template;
  if (!config.contains("tokenizer_class")) config["tokenizer_class"] = "PreTrainedTokenizerFast";
  base::write_file(folder / "tokenizer.json", tokenizer_json);
  base::write_file(folder / kConfigName, base::pretty_json(config));
  if (!special_tokens_map_json.empty())
    base::write_file(folder / kSpecialMapName, special_tokens_map_json);
}

TokenRoles read_token_roles(const TokenizerFiles& files) {
  TokenRoles roles;
  if (!files.special_tokens_map_json.empty()) {
    const auto map =
        base::parse_sorted_json(files.special_tokens_map_json, kSpecialMapName, base::kBadUsage);
    const base::SortedJsonReader reader(map, kSpecialMapName, base::kBadUsage);
    roles.bos = token_text(reader, "bos_token");
    roles.end = token_text(reader, "eos_token");
    roles.pad = token_text(reader, "pad_token");
  }
  if (files.config_json.empty()) return roles;
  const auto config = base::parse_sorted_json(files.config_json, kConfigName, base::kBadUsage);
  const base::SortedJsonReader reader(config, kConfigName, base::kBadUsage);
  if (const auto bos = token_text(reader, "bos_token")) roles.bos = bos;
  if (const auto end = token_text(reader, "eos_token")) roles.end = end;
  if (const auto pad = token_text(reader, "pad_token")) roles.pad = pad;
  // transformers' classes for Llama and Mistral rebuild the post-processor from these two, and put
  // a BOS unless told not to; for other classes only a plain `true` speaks.
  const std::string tokenizer_class = reader.string("tokenizer_class", "");
  const bool llama =
      tokenizer_class.starts_with("Llama") || tokenizer_class.starts_with("CodeLlama");
  if (reader.boolean("add_bos_token", llama) || llama)
    roles.add_bos = reader.boolean("add_bos_token", true);
  if (reader.boolean("add_eos_token", false) || llama)
    roles.add_end = reader.boolean("add_eos_token", false);
  if (reader.has("added_tokens_decoder")) {
    std::vector<std::pair<int64_t, base::SortedJson>> by_id;
    for (const auto& [id, entry] : reader.object("added_tokens_decoder").value().items()) {
      by_id.emplace_back(std::strtoll(id.c_str(), nullptr, 10), entry);
    }
    std::stable_sort(by_id.begin(), by_id.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [id, entry] : by_id) roles.added.push_back(std::move(entry));
  }
  return roles;
}

}  // namespace strata::data
