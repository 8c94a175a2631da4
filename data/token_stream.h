// A long run of token ids cut into documents: what windows are taken from. Either a folder of shard
// files, which count as one run whatever their boundaries, or ids in memory. Thread-safe to read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/token_shard.h"

namespace strata::data {

class TokenStream {
 public:
  virtual ~TokenStream() = default;
  virtual int64_t token_count() const = 0;
  virtual int64_t document_count() const = 0;
  /// Ids [first, first + out.size()).
  virtual void read(int64_t first, std::span<int32_t> out) const = 0;
  /// Appends the places in [first, first + count) where a document begins, relative to `first`,
  /// rising.
  virtual void document_starts(int64_t first, int64_t count, std::vector<int64_t>& out) const = 0;
  /// Bytes of text of every id; empty where not known.
  virtual std::span<const uint16_t> token_bytes() const = 0;
  /// Equal for equal ids.
  virtual std::string fingerprint() const = 0;
};

/// Ids in memory: texts that were tokenized when the job started.
class MemoryTokens : public TokenStream {
 public:
  explicit MemoryTokens(std::vector<uint16_t> token_bytes) : token_bytes_(std::move(token_bytes)) {}
  void add_document(std::span<const int32_t> ids);

  int64_t token_count() const override { return static_cast<int64_t>(tokens_.size()); }
  int64_t document_count() const override { return static_cast<int64_t>(starts_.size()); }
  void read(int64_t first, std::span<int32_t> out) const override;
  void document_starts(int64_t first, int64_t count, std::vector<int64_t>& out) const override;
  std::span<const uint16_t> token_bytes() const override { return token_bytes_; }
  std::string fingerprint() const override;

 private:
  std::vector<int32_t> tokens_;
  std::vector<int64_t> starts_;
  std::vector<uint16_t> token_bytes_;
};

/// Shard files in the order of their folder's manifest, or one file alone.
class ShardFolder : public TokenStream {
 public:
  /// kBadData for a folder without a sound manifest, a missing or damaged file, files of different
  /// tokenizers.
  explicit ShardFolder(const std::filesystem::path& folder_or_file);

  int64_t token_count() const override { return ends_.empty() ? 0 : ends_.back(); }
  int64_t document_count() const override;
  void read(int64_t first, std::span<int32_t> out) const override;
  void document_starts(int64_t first, int64_t count, std::vector<int64_t>& out) const override;
  std::span<const uint16_t> token_bytes() const override;
  std::string fingerprint() const override { return fingerprint_; }

  int64_t text_bytes() const;
  const std::string& tokenizer_hash() const { return shards_.front().header().tokenizer_hash; }
  int64_t vocab_size() const { return shards_.front().header().vocab_size; }
  const std::vector<TokenShardReader>& shards() const { return shards_; }

 private:
  /// Calls `visit(shard, first, count)` for the part of every shard that [first, first + count)
  /// covers.
  template <class Visit>
  void for_each_part(int64_t first, int64_t count, const Visit& visit) const;

  std::vector<TokenShardReader> shards_;
  std::vector<int64_t> ends_;  ///< running sum of their tokens
  std::string fingerprint_;
};

}  // namespace strata::data
