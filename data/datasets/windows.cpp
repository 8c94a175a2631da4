#include "data/datasets/windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"

namespace strata::data {

namespace {

/// Numbers the documents of a row, given where the second and later ones begin: positions start
/// anew, and the token before a beginning loses its target.
void separate_documents(Row& row, std::span<const int64_t> begins) {
  for (int64_t begin : begins) row.targets[static_cast<size_t>(begin - 1)] = kNoTarget;
  int32_t document = 0, position = 0;
  for (int64_t t = 0; t < row.length(); ++t) {
    if (static_cast<size_t>(document) < begins.size() &&
        t == begins[static_cast<size_t>(document)]) {
      ++document;
      position = 0;
    }
    row.documents[static_cast<size_t>(t)] = document;
    row.positions[static_cast<size_t>(t)] = position++;
  }
  for (size_t t = 0; t < row.targets.size(); ++t)
    row.weights[t] = row.targets[t] == kNoTarget ? 0.0f : 1.0f;
}

int64_t text_bytes_of(std::span<const int32_t> targets, std::span<const uint16_t> token_bytes) {
  int64_t bytes = 0;
  for (int32_t target : targets) {
    if (target != kNoTarget && static_cast<size_t>(target) < token_bytes.size())
      bytes += token_bytes[target];
  }
  return bytes;
}

}  // namespace

WindowDataset::WindowDataset(std::unique_ptr<TokenStream> tokens, int64_t sequence,
                             bool cross_document, std::string what)
    : tokens_(std::move(tokens)),
      sequence_(sequence),
      cross_document_(cross_document),
      what_(std::move(what)) {
  base::ensure(sequence > 0, "windows of no tokens");
  const int64_t targets = std::max<int64_t>(tokens_->token_count() - 1, 0);
  size_ = (targets + sequence - 1) / sequence;
}

int64_t WindowDataset::length(int64_t sample) const {
  return std::min(sequence_, tokens_->token_count() - 1 - sample * sequence_);
}

void WindowDataset::get(int64_t sample, std::vector<Row>& rows) const {
  base::ensure(sample >= 0 && sample < size_, "a window beyond the end");
  const int64_t first = sample * sequence_, length = this->length(sample);
  std::vector<int32_t> ids(static_cast<size_t>(length + 1));
  tokens_->read(first, ids);
  Row row = one_document_row({ids.begin(), ids.end() - 1}, {ids.begin() + 1, ids.end()});
  if (!cross_document_) {
    std::vector<int64_t> begins;
    tokens_->document_starts(first + 1, length,
                             begins);  // the window's own beginning separates nothing
    for (int64_t& begin : begins) begin += 1;
    separate_documents(row, begins);
  }
  row.bytes = text_bytes_of(row.targets, tokens_->token_bytes());
  rows.push_back(std::move(row));
}

std::string WindowDataset::describe() const {
  return fmt::format("{}: {} documents, {} tokens, {} windows of {}", what_,
                     tokens_->document_count(), tokens_->token_count(), size_, sequence_);
}

std::string WindowDataset::fingerprint() const {
  return base::fingerprint(fmt::format("{} windows of {}, crossing {}", tokens_->fingerprint(),
                                       sequence_, cross_document_));
}

}  // namespace strata::data
