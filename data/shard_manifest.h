// manifest.json of a folder of token shards: which files, made of what, with a checksum of each and
// of itself. It is written last: a folder without it is unfinished.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"

namespace strata::data {

/// One shard file and the input that it was made of. Inputs are cut into pieces, and a piece that
/// is too much for one file into parts; see prepare.h.
struct ShardEntry {
  std::string file;  ///< name within the folder
  int64_t piece = 0, part = 0;
  bool last_part = true;       ///< of its piece
  std::string recipe;          ///< everything that its content depends on, as one fingerprint
  int64_t documents_read = 0;  ///< empty ones too
  int64_t documents = 0, tokens = 0, text_bytes = 0;
  int64_t bytes = 0;  ///< of the file
  uint32_t crc32c = 0;
  friend bool operator==(const ShardEntry&, const ShardEntry&) = default;
};

struct ShardManifest {
  struct Input {
    std::string path;
    int64_t bytes = 0;
    friend bool operator==(const Input&, const Input&) = default;
  };
  std::string tokenizer_hash;
  int64_t vocab_size = 0;
  std::string field;
  std::vector<Input> inputs;
  std::vector<ShardEntry> shards;  ///< in the order of the inputs

  /// Of the shards' content.
  std::string fingerprint() const;
  friend bool operator==(const ShardManifest&, const ShardManifest&) = default;
};

inline constexpr const char* kShardManifestName = "manifest.json";

/// kBadData for a folder without a manifest, a manifest that does not match its own checksum,
/// another version.
ShardManifest read_shard_manifest(const std::filesystem::path& folder);
void write_shard_manifest(const std::filesystem::path& folder, const ShardManifest& manifest);

/// One entry alone, as the note that is left beside a finished file until the manifest is written;
/// sealed likewise.
ShardEntry read_shard_entry(const std::filesystem::path& file);
void write_shard_entry(const std::filesystem::path& file, const ShardEntry& entry);

}  // namespace strata::data
