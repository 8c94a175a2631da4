#include "data/token_stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checksum.h"
#include "base/error.h"
#include "data/shard_manifest.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

/// The values of a sorted list in [first, first + count), relative to first + shift.
void append_starts_within(std::span<const int64_t> starts, int64_t first, int64_t count,
                          int64_t shift, std::vector<int64_t>& out) {
  for (auto start = std::ranges::lower_bound(starts, first);
       start != starts.end() && *start < first + count; ++start) {
    out.push_back(*start - first + shift);
  }
}

void require_same_tokenizer(const TokenShardReader& shard, const TokenShardReader& first) {
  if (shard.header().tokenizer_hash == first.header().tokenizer_hash) return;
  throw base::UserError(base::kBadData, fmt::format("{} and {} were made with different tokenizers",
                                                    first.path().string(), shard.path().string()));
}

}  // namespace

void MemoryTokens::add_document(std::span<const int32_t> ids) {
  if (ids.empty()) return;
  starts_.push_back(token_count());
  tokens_.insert(tokens_.end(), ids.begin(), ids.end());
}

void MemoryTokens::read(int64_t first, std::span<int32_t> out) const {
  base::ensure(first >= 0 && first + static_cast<int64_t>(out.size()) <= token_count(),
               "a window outside the tokens");
  std::copy_n(tokens_.begin() + first, out.size(), out.begin());
}

void MemoryTokens::document_starts(int64_t first, int64_t count, std::vector<int64_t>& out) const {
  append_starts_within(starts_, first, count, 0, out);
}

std::string MemoryTokens::fingerprint() const {
  const auto bytes_of = [](const auto& values) {
    return std::string_view(reinterpret_cast<const char*>(values.data()),
                            values.size() * sizeof(values[0]));
  };
  return base::fingerprint(base::fingerprint(bytes_of(tokens_)) +
                           base::fingerprint(bytes_of(starts_)));
}

ShardFolder::ShardFolder(const fs::path& folder_or_file) {
  if (fs::is_directory(folder_or_file)) {
    const ShardManifest manifest = read_shard_manifest(folder_or_file);
    for (const ShardEntry& shard : manifest.shards)
      shards_.emplace_back(folder_or_file / shard.file);
    fingerprint_ = manifest.fingerprint();
  } else {
    shards_.emplace_back(folder_or_file);
    fingerprint_ = base::fingerprint(base::read_file(folder_or_file));
  }
  if (shards_.empty()) {
    throw base::UserError(base::kBadData,
                          folder_or_file.string() + ": the manifest lists no shard files");
  }
  int64_t end = 0;
  for (const TokenShardReader& shard : shards_) {
    require_same_tokenizer(shard, shards_.front());
    ends_.push_back(end += shard.token_count());
  }
}

template <class Visit>
void ShardFolder::for_each_part(int64_t first, int64_t count, const Visit& visit) const {
  base::ensure(first >= 0 && count >= 0 && first + count <= token_count(),
               "a window outside the tokens");
  const int64_t end = first + count;
  size_t s = static_cast<size_t>(std::ranges::upper_bound(ends_, first) - ends_.begin());
  for (; first < end; first = ends_[s++]) {
    const int64_t shard_begin = s == 0 ? 0 : ends_[s - 1];
    const int64_t part = std::min(end, ends_[s]) - first;
    if (part > 0) visit(shards_[s], first - shard_begin, part);
  }
}

int64_t ShardFolder::document_count() const {
  int64_t documents = 0;
  for (const TokenShardReader& shard : shards_) documents += shard.header().document_count;
  return documents;
}

int64_t ShardFolder::text_bytes() const {
  int64_t bytes = 0;
  for (const TokenShardReader& shard : shards_) bytes += shard.header().text_bytes;
  return bytes;
}

void ShardFolder::read(int64_t first, std::span<int32_t> out) const {
  int64_t done = 0;
  for_each_part(first, static_cast<int64_t>(out.size()),
                [&](const TokenShardReader& shard, int64_t begin, int64_t part) {
                  shard.read(begin,
                             out.subspan(static_cast<size_t>(done), static_cast<size_t>(part)));
                  done += part;
                });
}

void ShardFolder::document_starts(int64_t first, int64_t count, std::vector<int64_t>& out) const {
  int64_t done = 0;
  for_each_part(first, count, [&](const TokenShardReader& shard, int64_t begin, int64_t part) {
    const auto starts = shard.document_starts();
    append_starts_within(starts.first(starts.size() - 1), begin, part, done, out);
    done += part;
  });
}

std::span<const uint16_t> ShardFolder::token_bytes() const { return shards_.front().token_bytes(); }

}  // namespace strata::data
