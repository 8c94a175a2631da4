// Text as training samples: windows of sequence + 1 tokens, side by side, each a sequence of inputs
// and the tokens that follow them. The last window is short. Knows where documents begin, so that
// none sees another.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"
#include "data/token_stream.h"

namespace strata::data {

/// Window i holds tokens [i s, i s + s] of the stream (s = sequence): the last one only as a
/// target, so that every token but the first is a target exactly once. By default the documents of
/// a window have numbers 0, 1, ..., their positions start from 0 and no token is trained to predict
/// the beginning of another document; the end token is a document's last target. With
/// `cross_document` a window is one sequence.
class WindowDataset : public Dataset {
 public:
  /// `what` names it in the log.
  WindowDataset(std::unique_ptr<TokenStream> tokens, int64_t sequence, bool cross_document,
                std::string what);

  int64_t size() const override { return size_; }
  void get(int64_t sample, std::vector<Row>& rows) const override;
  int64_t length(int64_t sample) const override;
  std::string describe() const override;
  std::string fingerprint() const override;

 private:
  std::unique_ptr<TokenStream> tokens_;
  int64_t sequence_;
  bool cross_document_;
  std::string what_;
  int64_t size_;
};

}  // namespace strata::data
