// What the writer and the reader of a shard file agree on. Not for others: see token_shard.h.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "data/token_shard.h"

namespace strata::data::shard_format {

inline constexpr const char* kFormat = "strata token shard";
inline constexpr int64_t kVersion = 1;

// Attributes.
inline constexpr const char* kFormatKey = "format";
inline constexpr const char* kVersionKey = "version";
inline constexpr const char* kTokenizerKey = "tokenizer_hash";
inline constexpr const char* kVocabKey = "vocab_size";
inline constexpr const char* kTokenCountKey = "token_count";
inline constexpr const char* kDocumentCountKey = "document_count";
inline constexpr const char* kTextBytesKey = "text_bytes";
inline constexpr const char* kHeaderDigestKey = "header_crc32c";

// Datasets.
inline constexpr const char* kTokens = "tokens";
inline constexpr const char* kDocumentStarts = "document_starts";
inline constexpr const char* kTokenBytes = "token_bytes";

/// The dataset that holds the block checksums of another.
std::string digests_name(const std::string& dataset);

/// The narrowest type that holds every id.
base::Hdf5Type token_type(int64_t vocab_size);

/// One checksum over the header and all block checksums.
int64_t header_digest(const ShardHeader& header,
                      std::span<const std::vector<uint32_t>> block_digests);

}  // namespace strata::data::shard_format
