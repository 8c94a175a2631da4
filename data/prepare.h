// `strata data prepare`: text and JSONL to a folder of token shards. Every rank makes the shard
// files of its share of the pieces; rank 0 lists them in the manifest. Started again, it keeps what
// is finished and sound, and makes anew what is missing, damaged or made of something that has
// changed. Knows ranks as two numbers and a barrier.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "data/config.h"
#include "data/shard_manifest.h"
#include "data/text_codec.h"

namespace strata::data {

struct PrepareRequest {
  const PrepareConfig& config;
  const TextCodec& codec;
  int rank = 0, size = 1;
  /// Returns when all ranks have come to it.
  std::function<void()> barrier = [] {};
  /// Told now and then how many input bytes of this rank's share are done.
  std::function<void(int64_t done, int64_t total)> progress = [](int64_t, int64_t) {};
  /// Writes the tokenizer's files into a folder (OUT/tokenizer), so that the shards can be read as
  /// text anywhere.
  std::function<void(const std::filesystem::path& folder)> save_tokenizer =
      [](const std::filesystem::path&) {};
  /// Input bytes per piece, and text bytes after which a shard file is closed; 0 = as
  /// suggested_piece_bytes() has it.
  int64_t piece_bytes = 0;
};

struct PrepareResult {
  ShardManifest manifest;
  int64_t files_written = 0, files_kept = 0;  ///< by this rank
  int64_t empty_documents = 0;                ///< of all; passed over
};

/// Collective: all ranks call it with equal configs. An exception (kBadData with FILE:LINE for a
/// bad row, kBadUsage for no inputs or no end token) leaves one rank alone, without a barrier: the
/// caller then ends the job.
PrepareResult prepare(const PrepareRequest& request);

/// OUT/tokenizer, whether it is there or not.
std::filesystem::path tokenizer_of_shards(const std::filesystem::path& folder);

}  // namespace strata::data
