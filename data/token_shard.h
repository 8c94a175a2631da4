// A token shard file: documents as token ids, in HDF5. The ids and the document offsets are
// contiguous datasets, read through a mapping of the file; each has a checksum per block, made when
// the file is written and compared when a block is first touched, and one checksum over everything
// else guards the checksums.
//   /tokens           u16 or u32, by the size of the vocabulary
//   /document_starts  i64, one per document and the end of the last
//   /token_bytes      u16, bytes of text of every id of the vocabulary: bits per byte stay exact
//   /*_crc32c         u32, one per block of kBlockBytes
// Knows no tokenizer but by its hash, and no folder of shards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hdf5.h"
#include "data/checked_blocks.h"

namespace strata::data {

/// What a shard file says of itself.
struct ShardHeader {
  std::string tokenizer_hash;
  int64_t vocab_size = 0;
  int64_t token_count = 0;
  int64_t document_count = 0;
  int64_t text_bytes = 0;  ///< of the documents' text
  friend bool operator==(const ShardHeader&, const ShardHeader&) = default;
};

/// Collects documents and writes them as one file. Holds them in memory: four bytes a token.
class TokenShardWriter {
 public:
  /// `token_bytes`: text bytes of every id; its size is the vocabulary's.
  TokenShardWriter(std::string tokenizer_hash, std::vector<uint16_t> token_bytes);

  /// Ids with their end token, standing for `text_bytes` bytes of text.
  void add_document(std::span<const int32_t> ids, int64_t text_bytes);
  const ShardHeader& header() const { return header_; }

  /// Writes the file (temporary + rename) and forgets the documents.
  void write(const std::filesystem::path& file);

 private:
  ShardHeader header_;
  std::vector<uint16_t> token_bytes_;
  std::vector<int32_t> tokens_;
  std::vector<int64_t> document_starts_{0};
};

/// A shard file opened for reading; may be read from several threads. HDF5 is used by the
/// constructor alone.
class TokenShardReader {
 public:
  /// Checks format, version, checksum of the header and that the file is whole: else kBadData
  /// naming the file.
  explicit TokenShardReader(const std::filesystem::path& file);

  const ShardHeader& header() const { return header_; }
  int64_t token_count() const { return header_.token_count; }
  const std::filesystem::path& path() const { return path_; }

  /// Ids [first, first + out.size()). A damaged block is kBadData naming file and block.
  void read(int64_t first, std::span<int32_t> out) const;
  /// [documents + 1] rising offsets; the last is token_count().
  std::span<const int64_t> document_starts() const;
  /// Bytes of text of every id of the vocabulary.
  std::span<const uint16_t> token_bytes() const;

  /// Everything that is wrong with the file, one sentence each; empty when it is sound. Reads all
  /// of it.
  std::vector<std::string> faults() const;

 private:
  CheckedBlocks open_blocks(const base::Hdf5File& file, const std::string& name,
                            base::Hdf5Type type, int64_t count) const;

  std::filesystem::path path_;
  ShardHeader header_;
  base::MappedFile mapping_;
  base::Hdf5Type token_type_;
  std::unique_ptr<CheckedBlocks> tokens_, document_starts_, token_bytes_;
};

}  // namespace strata::data
