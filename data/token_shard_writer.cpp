#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/checksum.h"
#include "base/error.h"
#include "data/token_shard_format.h"

namespace strata::data {

namespace shard_format {

std::string digests_name(const std::string& dataset) { return dataset + "_crc32c"; }

base::Hdf5Type token_type(int64_t vocab_size) {
  return vocab_size <= int64_t{std::numeric_limits<uint16_t>::max()} + 1 ? base::Hdf5Type::kU16
                                                                         : base::Hdf5Type::kU32;
}

int64_t header_digest(const ShardHeader& header,
                      std::span<const std::vector<uint32_t>> block_digests) {
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", kFormat, kVersion, header.tokenizer_hash,
                  header.vocab_size, header.token_count, header.document_count, header.text_bytes);
  uint32_t digest = base::crc32c(text.data(), text.size());
  for (const auto& digests : block_digests) {
    digest = base::crc32c(digests.data(), digests.size() * sizeof(uint32_t), digest);
  }
  return digest;
}

}  // namespace shard_format

namespace {

/// Writes a dataset and its block checksums beside it; returns the checksums.
template <class T>
std::vector<uint32_t> write_with_digests(base::Hdf5File& file, const std::string& name,
                                         std::span<const T> values) {
  std::vector<uint32_t> digests = block_digests(std::as_bytes(values));
  file.write(name, values);
  file.write(shard_format::digests_name(name), std::span<const uint32_t>(digests));
  return digests;
}

/// The ids in the type that the file keeps.
std::vector<uint32_t> write_tokens(base::Hdf5File& file, std::span<const int32_t> tokens,
                                   base::Hdf5Type type) {
  const auto write_as = [&](auto zero) {
    const std::vector<decltype(zero)> narrow(tokens.begin(), tokens.end());
    return write_with_digests(file, shard_format::kTokens, std::span<const decltype(zero)>(narrow));
  };
  return type == base::Hdf5Type::kU16 ? write_as(uint16_t{0}) : write_as(uint32_t{0});
}

}  // namespace

TokenShardWriter::TokenShardWriter(std::string tokenizer_hash, std::vector<uint16_t> token_bytes)
    : token_bytes_(std::move(token_bytes)) {
  header_.tokenizer_hash = std::move(tokenizer_hash);
  header_.vocab_size = static_cast<int64_t>(token_bytes_.size());
}

void TokenShardWriter::add_document(std::span<const int32_t> ids, int64_t text_bytes) {
  for (int32_t id : ids)
    base::ensure(id >= 0 && id < header_.vocab_size, "a token id outside the vocabulary");
  tokens_.insert(tokens_.end(), ids.begin(), ids.end());
  document_starts_.push_back(static_cast<int64_t>(tokens_.size()));
  header_.token_count += static_cast<int64_t>(ids.size());
  header_.document_count += 1;
  header_.text_bytes += text_bytes;
}

void TokenShardWriter::write(const std::filesystem::path& path) {
  using namespace shard_format;
  base::write_file_with(path, [&](const std::filesystem::path& temporary) {
    base::Hdf5File file = base::Hdf5File::create(temporary);
    const std::vector<uint32_t> digests[] = {
        write_tokens(file, tokens_, token_type(header_.vocab_size)),
        write_with_digests(file, kDocumentStarts, std::span<const int64_t>(document_starts_)),
        write_with_digests(file, kTokenBytes, std::span<const uint16_t>(token_bytes_))};
    file.set_attribute(kFormatKey, std::string_view(kFormat));
    file.set_attribute(kVersionKey, kVersion);
    file.set_attribute(kTokenizerKey, std::string_view(header_.tokenizer_hash));
    file.set_attribute(kVocabKey, header_.vocab_size);
    file.set_attribute(kTokenCountKey, header_.token_count);
    file.set_attribute(kDocumentCountKey, header_.document_count);
    file.set_attribute(kTextBytesKey, header_.text_bytes);
    file.set_attribute(kHeaderDigestKey, header_digest(header_, digests));
    file.close();
  });
  tokens_.clear();
  document_starts_.assign(1, 0);
  header_.token_count = header_.document_count = header_.text_bytes = 0;
}

}  // namespace strata::data
