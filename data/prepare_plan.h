// How the inputs of `data prepare` are cut into pieces of work: by their bytes alone, so that the
// cut, and with it every shard file, is the same on any number of ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents.h"

namespace strata::data {

/// Bytes [begin, end) of an input.
struct Slice {
  size_t input = 0;
  int64_t begin = 0, end = 0;
  friend bool operator==(const Slice&, const Slice&) = default;
};

using Piece = std::vector<Slice>;

int64_t bytes_of(const Piece& piece);

/// By the size of all inputs, so that a few ranks share a small corpus and a large one does not
/// make too many files: a power of two, enough for 64 pieces but within 1 MiB and 64 MiB (some 16
/// million tokens), and more than that where there would be over 4,096 pieces.
int64_t suggested_piece_bytes(std::span<const InputFile> inputs);

/// Fills pieces of about `piece_bytes` in the order of the inputs. Plain JSONL is cut anywhere (a
/// row belongs to the piece in which its line begins); text and compressed files stay whole.
std::vector<Piece> plan_pieces(std::span<const InputFile> inputs, int64_t piece_bytes);

/// Fingerprint of the bytes that a piece is made of: its slices, to the end of their last rows.
std::string fingerprint_of(const Piece& piece, std::span<const InputFile> inputs);

/// Goes through the documents of a piece, with a look at the next one.
class PieceReader {
 public:
  PieceReader(const Piece& piece, std::span<const InputFile> inputs, std::string field);

  /// False at the end; else text() is the next document's.
  bool has_next();
  std::string_view text() const { return documents_->text(); }
  /// Passes over the document that has_next() told of.
  void advance();
  /// Passes over documents until `count` have been passed in all.
  void advance_to(int64_t count);
  int64_t passed() const { return passed_; }

 private:
  const Piece& piece_;
  std::span<const InputFile> inputs_;
  std::string field_;
  size_t slice_ = 0;
  std::optional<DocumentReader> documents_;  ///< of the current slice
  bool looked_ = false;                      ///< documents_ stands on the next one
  int64_t passed_ = 0;
};

}  // namespace strata::data
