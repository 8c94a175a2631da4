#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "data/token_shard_format.h"

namespace strata::data {

namespace {

[[noreturn]] void refuse_shard(const std::filesystem::path& path, std::string_view why) {
  throw base::UserError(base::kBadData, fmt::format("{}: {}", path.string(), why));
}

std::string damaged_block_message(const std::string& dataset, int64_t block) {
  return fmt::format(
      "block {} of /{} (bytes {} and on) does not match its checksum: the file is damaged; run "
      "`strata data prepare` "
      "again, which makes damaged files anew",
      block, dataset, block * kBlockBytes);
}

ShardHeader read_header(const base::Hdf5File& file, const std::filesystem::path& path) {
  using namespace shard_format;
  if (!file.has_attribute(kFormatKey) || file.text_attribute(kFormatKey) != kFormat) {
    refuse_shard(path, "an HDF5 file, but no token shard (`strata data prepare` makes them)");
  }
  if (const int64_t version = file.int_attribute(kVersionKey); version != kVersion) {
    refuse_shard(path, fmt::format("token shard version {}; this program reads version {}", version,
                                   kVersion));
  }
  ShardHeader header;
  header.tokenizer_hash = file.text_attribute(kTokenizerKey);
  header.vocab_size = file.int_attribute(kVocabKey);
  header.token_count = file.int_attribute(kTokenCountKey);
  header.document_count = file.int_attribute(kDocumentCountKey);
  header.text_bytes = file.int_attribute(kTextBytesKey);
  return header;
}

std::vector<uint32_t> read_digests(const base::Hdf5File& file, const std::string& dataset) {
  const base::Hdf5Dataset stored = file.dataset(shard_format::digests_name(dataset));
  std::vector<uint32_t> digests(static_cast<size_t>(stored.size()));
  stored.read(0, std::span<uint32_t>(digests));
  return digests;
}

template <class T>
std::span<const T> as_values(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

template <class Stored>
void widen(const CheckedBlocks& blocks, int64_t first, std::span<int32_t> out) {
  const int64_t begin = first * static_cast<int64_t>(sizeof(Stored));
  const auto bytes = blocks.get(begin, begin + static_cast<int64_t>(out.size() * sizeof(Stored)));
  std::ranges::copy(as_values<Stored>(bytes), out.begin());
}

}  // namespace

TokenShardReader::TokenShardReader(const std::filesystem::path& file)
    : path_(file), mapping_(file) {
  using namespace shard_format;
  const base::Hdf5File hdf5 = base::Hdf5File::open(path_);
  header_ = read_header(hdf5, path_);
  token_type_ = token_type(header_.vocab_size);
  const std::vector<uint32_t> digests[] = {read_digests(hdf5, kTokens),
                                           read_digests(hdf5, kDocumentStarts),
                                           read_digests(hdf5, kTokenBytes)};
  if (header_digest(header_, digests) != hdf5.int_attribute(kHeaderDigestKey)) {
    refuse_shard(path_, "the header does not match its checksum: the file is damaged");
  }
  const auto open = [&](const char* name, base::Hdf5Type type, int64_t count) {
    return std::make_unique<CheckedBlocks>(open_blocks(hdf5, name, type, count));
  };
  tokens_ = open(kTokens, token_type_, header_.token_count);
  document_starts_ = open(kDocumentStarts, base::Hdf5Type::kI64, header_.document_count + 1);
  token_bytes_ = open(kTokenBytes, base::Hdf5Type::kU16, header_.vocab_size);
}

CheckedBlocks TokenShardReader::open_blocks(const base::Hdf5File& file, const std::string& name,
                                            base::Hdf5Type type, int64_t count) const {
  const base::Hdf5Dataset dataset = file.dataset(name);
  if (dataset.size() != count || dataset.type() != type) {
    refuse_shard(
        path_,
        fmt::format("/{} has not the size or type that the header tells: the file is damaged",
                    name));
  }
  const uint64_t offset = dataset.file_offset().value_or(0);
  const uint64_t size = static_cast<uint64_t>(count) * base::element_bytes(type);
  if (offset + size > mapping_.bytes().size() || offset % base::element_bytes(type) != 0) {
    refuse_shard(
        path_,
        fmt::format("/{} does not lie where it should in the file: the file is damaged", name));
  }
  const auto on_damage = [path = path_, name](int64_t block) {
    refuse_shard(path, damaged_block_message(name, block));
  };
  return CheckedBlocks(mapping_.bytes().subspan(offset, size), read_digests(file, name), on_damage);
}

void TokenShardReader::read(int64_t first, std::span<int32_t> out) const {
  if (token_type_ == base::Hdf5Type::kU16) {
    widen<uint16_t>(*tokens_, first, out);
  } else {
    widen<uint32_t>(*tokens_, first, out);
  }
}

std::span<const int64_t> TokenShardReader::document_starts() const {
  return as_values<int64_t>(document_starts_->get_all());
}

std::span<const uint16_t> TokenShardReader::token_bytes() const {
  return as_values<uint16_t>(token_bytes_->get_all());
}

std::vector<std::string> TokenShardReader::faults() const {
  using namespace shard_format;
  std::vector<std::string> faults;
  const auto add = [&](const std::string& what) {
    faults.push_back(fmt::format("{}: {}", path_.string(), what));
  };
  const std::pair<const char*, const CheckedBlocks*> datasets[] = {
      {kTokens, tokens_.get()},
      {kDocumentStarts, document_starts_.get()},
      {kTokenBytes, token_bytes_.get()}};
  for (const auto& [name, blocks] : datasets) {
    for (int64_t block : blocks->damaged()) add(damaged_block_message(name, block));
  }
  if (!faults.empty()) return faults;

  const auto starts = document_starts();
  if (starts.front() != 0 || starts.back() != token_count() || !std::ranges::is_sorted(starts)) {
    add("/document_starts does not rise from 0 to the number of tokens");
  }
  std::vector<int32_t> ids(static_cast<size_t>(kBlockBytes));
  for (int64_t first = 0; first < token_count(); first += kBlockBytes) {
    const std::span<int32_t> part(
        ids.data(), static_cast<size_t>(std::min(kBlockBytes, token_count() - first)));
    read(first, part);
    const auto outside =
        std::ranges::find_if(part, [&](int32_t id) { return id < 0 || id >= header_.vocab_size; });
    if (outside != part.end()) {
      add(fmt::format("token {} is id {}, outside the vocabulary of {}",
                      first + (outside - part.begin()), *outside, header_.vocab_size));
      break;
    }
  }
  return faults;
}

}  // namespace strata::data
