#include "data/shard_manifest.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/checksum.h"
#include "base/error.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

constexpr const char* kManifestFormat = "strata token shards";
constexpr int64_t kManifestVersion = 1;
constexpr const char* kSealKey = "checksum";

/// Writes an object with a fingerprint of its text as its last key.
void write_sealed(const fs::path& file, base::Json value) {
  value[kSealKey] = base::fingerprint(base::pretty_json(value));
  base::write_file(file, base::pretty_json(value));
}

base::Json read_sealed(const fs::path& file) {
  base::Json value = base::read_json(file);
  const std::string seal = base::JsonReader(value, file.string()).string(kSealKey);
  value.erase(kSealKey);
  if (seal != base::fingerprint(base::pretty_json(value))) {
    throw base::UserError(
        base::kBadData,
        file.string() +
            ": does not match its checksum: it is damaged or was edited; run `strata "
            "data prepare` again");
  }
  return value;
}

base::Json to_json(const ShardEntry& entry) {
  return {{"file", entry.file},
          {"piece", entry.piece},
          {"part", entry.part},
          {"last_part", entry.last_part},
          {"recipe", entry.recipe},
          {"documents_read", entry.documents_read},
          {"documents", entry.documents},
          {"tokens", entry.tokens},
          {"text_bytes", entry.text_bytes},
          {"bytes", entry.bytes},
          {"crc32c", entry.crc32c}};
}

ShardEntry to_entry(const base::Json& value, const std::string& source) {
  const base::JsonReader read(value, source);
  ShardEntry entry;
  entry.file = read.string("file");
  entry.piece = read.integer("piece");
  entry.part = read.integer("part");
  entry.last_part = read.boolean("last_part");
  entry.recipe = read.string("recipe");
  entry.documents_read = read.integer("documents_read");
  entry.documents = read.integer("documents");
  entry.tokens = read.integer("tokens");
  entry.text_bytes = read.integer("text_bytes");
  entry.bytes = read.integer("bytes");
  entry.crc32c = static_cast<uint32_t>(read.integer("crc32c"));
  return entry;
}

}  // namespace

std::string ShardManifest::fingerprint() const {
  std::string all = tokenizer_hash;
  for (const ShardEntry& shard : shards) all += fmt::format("\n{} {}", shard.tokens, shard.crc32c);
  return base::fingerprint(all);
}

ShardManifest read_shard_manifest(const fs::path& folder) {
  const fs::path file = folder / kShardManifestName;
  if (!fs::exists(file)) {
    throw base::UserError(
        base::kBadData,
        fmt::format("{}: no token shards here: there is no {} (`strata data prepare` "
                    "writes it last)",
                    folder.string(), kShardManifestName));
  }
  const base::Json value = read_sealed(file);
  const base::JsonReader read(value, file.string());
  if (read.string("format") != kManifestFormat || read.integer("version") != kManifestVersion) {
    read.refuse("format",
                fmt::format("is not '{}' of version {}", kManifestFormat, kManifestVersion));
  }
  ShardManifest manifest;
  manifest.tokenizer_hash = read.string("tokenizer_hash");
  manifest.vocab_size = read.integer("vocab_size");
  manifest.field = read.string("field");
  for (const auto& input : read.array("inputs")) {
    const base::JsonReader item(input, file.string());
    manifest.inputs.push_back({item.string("path"), item.integer("bytes")});
  }
  for (const auto& shard : read.array("shards"))
    manifest.shards.push_back(to_entry(shard, file.string()));
  return manifest;
}

void write_shard_manifest(const fs::path& folder, const ShardManifest& manifest) {
  base::Json inputs = base::Json::array(), shards = base::Json::array();
  ShardEntry total;
  for (const auto& input : manifest.inputs)
    inputs.push_back({{"path", input.path}, {"bytes", input.bytes}});
  for (const ShardEntry& shard : manifest.shards) {
    shards.push_back(to_json(shard));
    total.documents += shard.documents;
    total.tokens += shard.tokens;
    total.text_bytes += shard.text_bytes;
  }
  write_sealed(folder / kShardManifestName, {{"format", kManifestFormat},
                                             {"version", kManifestVersion},
                                             {"tokenizer_hash", manifest.tokenizer_hash},
                                             {"vocab_size", manifest.vocab_size},
                                             {"field", manifest.field},
                                             {"documents", total.documents},
                                             {"tokens", total.tokens},
                                             {"text_bytes", total.text_bytes},
                                             {"inputs", inputs},
                                             {"shards", shards}});
}

ShardEntry read_shard_entry(const fs::path& file) {
  return to_entry(read_sealed(file), file.string());
}

void write_shard_entry(const fs::path& file, const ShardEntry& entry) {
  write_sealed(file, to_json(entry));
}

}  // namespace strata::data
