#include "data/verify.h"

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "data/shard_manifest.h"
#include "data/token_shard.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

/// What one file says of itself, and what its blocks say.
std::vector<std::string> faults_of_file(const fs::path& file, ShardHeader& header) {
  try {
    const TokenShardReader shard(file);
    header = shard.header();
    return shard.faults();
  } catch (const base::UserError& error) {
    return {error.what()};
  }
}

/// What the manifest says of a file and is not so. Only for a file without faults of its own: they
/// say it better.
std::vector<std::string> faults_against_manifest(const fs::path& file, const ShardHeader& header,
                                                 const ShardEntry& entry,
                                                 const ShardManifest& manifest) {
  std::vector<std::string> faults;
  const auto add = [&](std::string_view what) {
    faults.push_back(fmt::format("{}: {}", file.string(), what));
  };
  const base::MappedFile mapping(file);
  if (static_cast<int64_t>(mapping.bytes().size()) != entry.bytes ||
      base::crc32c(mapping.bytes().data(), mapping.bytes().size()) != entry.crc32c) {
    add("is not the file that the manifest lists: its checksum differs");
  }
  if (header.token_count != entry.tokens || header.document_count != entry.documents ||
      header.text_bytes != entry.text_bytes) {
    add(fmt::format("holds {} documents and {} tokens; the manifest lists {} and {}",
                    header.document_count, header.token_count, entry.documents, entry.tokens));
  }
  if (header.tokenizer_hash != manifest.tokenizer_hash)
    add("was made with another tokenizer than the manifest names");
  return faults;
}

std::vector<std::string> faults_of_entry(const fs::path& folder, const ShardEntry& entry,
                                         const ShardManifest& manifest) {
  const fs::path file = folder / entry.file;
  ShardHeader header;
  std::vector<std::string> faults = faults_of_file(file, header);
  return faults.empty() ? faults_against_manifest(file, header, entry, manifest) : faults;
}

}  // namespace

std::vector<std::string> verify_shards(const fs::path& path) {
  if (!fs::is_directory(path)) {
    base::require_file(path, base::kBadData);
    ShardHeader header;
    return faults_of_file(path, header);
  }
  ShardManifest manifest;
  try {
    manifest = read_shard_manifest(path);
  } catch (const base::UserError& error) {
    return {error.what()};
  }
  std::vector<std::string> faults;
  for (const ShardEntry& entry : manifest.shards) {
    for (std::string& fault : faults_of_entry(path, entry, manifest))
      faults.push_back(std::move(fault));
  }
  return faults;
}

}  // namespace strata::data
