// What a training pass eats: rows of token ids with everything that a loss needs to know about
// them, as plain vectors. A dataset gives rows, `make_batch` lays them side by side. Knows no
// tensor library, no rank, no file.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace strata::data {

/// The target of a position that is not trained, and of padding.
inline constexpr int32_t kNoTarget = -100;

/// The document number of padding.
inline constexpr int32_t kPadding = -1;

/// [rows, length] arrays, row-major. Rows shorter than `length` are padded on the right with token
/// 0, target kNoTarget, weight 0, position 0, document kPadding; attention is causal, so padding
/// changes no number of a real position.
struct Batch {
  int64_t rows = 0, length = 0;
  std::vector<int32_t> tokens;   ///< [rows, length]
  std::vector<int32_t> targets;  ///< [rows, length] the id that follows each token (already
                                 ///< shifted); kNoTarget = not trained
  std::vector<float> weights;  ///< [rows, length] weight of each target in the loss: 0 where there
                               ///< is none, else 1 or the user's
  std::vector<int32_t> positions;  ///< [rows, length] position inside the document's part in this
                                   ///< row, for rotary embeddings
  std::vector<int32_t> documents;  ///< [rows, length] number of the document within the row; tokens
                                   ///< attend only inside equal numbers
  std::vector<int32_t> document_tokens;  ///< [rows, length] how many tokens the document has in
                                         ///< the whole row; 0 in padding
  bool one_document = true;      ///< each row is one sequence from position 0 with at most right
                                 ///< padding: no document mask needed
  std::vector<int64_t> places;   ///< [length] which columns of the whole rows these are, after
                                 ///< cut_rows(); empty: rows are whole
  std::vector<int64_t> samples;  ///< [rows] global sample number, the same on any layout: keys
                                 ///< dropout; -1 for a row that only fills up
  std::vector<int64_t> bytes;  ///< [rows] bytes of text that the row's targets stand for (bits per
                               ///< byte); 0 where unknown
  std::map<std::string, std::vector<float>>
      columns;  ///< further columns of the data rows, [rows] each
  std::map<std::string, std::vector<float>>
      token_columns;  ///< a number per token, [rows, length] each (advantages, old
                      ///< log-probabilities); 0 in padding
};

/// One row before padding. All vectors, those of token_columns too, have one length, at most the
/// batch's.
struct Row {
  std::vector<int32_t> tokens, targets;
  std::vector<float> weights;
  std::vector<int32_t> positions, documents;
  int64_t bytes = 0;
  std::map<std::string, float> columns;
  std::map<std::string, std::vector<float>> token_columns;

  int64_t length() const { return static_cast<int64_t>(tokens.size()); }
};

/// A row that is one document: positions 0.., document 0, weight 1 wherever there is a target.
Row one_document_row(std::vector<int32_t> tokens, std::vector<int32_t> targets);

/// Lays rows side by side, padded to `length`. `samples` has one number per row; columns that only
/// some rows have are 0 elsewhere.
Batch make_batch(std::span<const Row> rows, std::span<const int64_t> samples, int64_t length);

/// Some rows of a batch, in the order given.
Batch take_rows(const Batch& whole, std::span<const int64_t> rows);

/// For each row its last column that is no padding, -1 where there is none.
std::vector<int64_t> last_columns(const Batch& batch);

/// Part `part` of `parts` of every row, when ranks share them: of 2 * parts equal chunks (length
/// must divide) the one `part` from the front and the one `part` from the back, so that causal
/// attention costs every part the same. Targets were shifted before, so they stay those of the
/// whole rows; bytes are shared out evenly.
Batch cut_rows(const Batch& whole, int part, int parts);

}  // namespace strata::data
