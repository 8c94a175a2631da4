#include "data/prepare_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"

namespace strata::data {

namespace {

/// The end of the line that byte end - 1 belongs to.
size_t end_of_rows(std::string_view text, size_t end) {
  if (end >= text.size()) return text.size();
  const size_t line_feed = text.find('\n', end - 1);
  return line_feed == text.npos ? text.size() : line_feed + 1;
}

}  // namespace

int64_t bytes_of(const Piece& piece) {
  int64_t bytes = 0;
  for (const Slice& slice : piece) bytes += slice.end - slice.begin;
  return bytes;
}

int64_t suggested_piece_bytes(std::span<const InputFile> inputs) {
  uint64_t total = 0;
  for (const InputFile& input : inputs) total += static_cast<uint64_t>(input.bytes);
  const uint64_t few = std::clamp<uint64_t>(total / 64, uint64_t{1} << 20, uint64_t{64} << 20);
  return static_cast<int64_t>(std::bit_ceil(std::max(few, total / 4096)));
}

std::vector<Piece> plan_pieces(std::span<const InputFile> inputs, int64_t piece_bytes) {
  base::ensure(piece_bytes > 0, "pieces of no bytes");
  std::vector<Piece> pieces;
  int64_t room = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (int64_t begin = 0; begin < inputs[i].bytes;) {
      if (room <= 0) {
        pieces.emplace_back();
        room = piece_bytes;
      }
      const int64_t rest = inputs[i].bytes - begin;
      const int64_t taken = inputs[i].can_be_cut() ? std::min(room, rest) : rest;
      pieces.back().push_back({i, begin, begin + taken});
      begin += taken;
      room -= taken;
    }
  }
  return pieces;
}

std::string fingerprint_of(const Piece& piece, std::span<const InputFile> inputs) {
  std::string all;
  for (const Slice& slice : piece) {
    const InputFile& input = inputs[slice.input];
    const base::MappedFile mapping(input.path);
    const std::string_view text(reinterpret_cast<const char*>(mapping.bytes().data()),
                                mapping.bytes().size());
    const auto begin = static_cast<size_t>(slice.begin), end = static_cast<size_t>(slice.end);
    const size_t real_end = input.can_be_cut() ? end_of_rows(text, end) : text.size();
    // A row that began earlier is not this slice's, but whether the slice starts with a row depends
    // on the byte before.
    const bool starts_row = begin == 0 || text[begin - 1] == '\n';
    all += fmt::format("{} {} {}\n", input.is_jsonl, starts_row,
                       base::fingerprint(text.substr(begin, real_end - begin)));
  }
  return base::fingerprint(all);
}

PieceReader::PieceReader(const Piece& piece, std::span<const InputFile> inputs, std::string field)
    : piece_(piece), inputs_(inputs), field_(std::move(field)) {}

bool PieceReader::has_next() {
  while (!looked_ && slice_ < piece_.size()) {
    const Slice& slice = piece_[slice_];
    if (!documents_) documents_.emplace(inputs_[slice.input], slice.begin, slice.end, field_);
    looked_ = documents_->next();
    if (looked_) break;
    documents_.reset();
    ++slice_;
  }
  return looked_;
}

void PieceReader::advance() {
  base::ensure(looked_, "no document to pass over");
  looked_ = false;
  ++passed_;
}

void PieceReader::advance_to(int64_t count) {
  while (passed_ < count && has_next()) advance();
}

}  // namespace strata::data
