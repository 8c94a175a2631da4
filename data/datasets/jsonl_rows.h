// A JSONL file whose every row is a sample: read and checked when it is opened, and read again when
// it is asked for, so that memory holds only where the lines are. A format derives from it and says
// what a row becomes. Knows the rules for rows that are too long, and no format.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "data/chat/prompt_codec.h"
#include "data/dataset.h"
#include "data/datasets/format.h"
#include "data/datasets/row_file.h"

namespace strata::data {

enum class RowFit : uint8_t { kWhole, kCut, kLeftOut };

/// A row's text as ids, cut to what a job has room for.
struct FittedIds {
  MaskedIds masked;
  RowFit fit = RowFit::kWhole;
};

class JsonlRows : public Dataset {
 public:
  /// Reads and checks all rows. To be called once, before anything else.
  void open();

  int64_t size() const override { return static_cast<int64_t>(places_.size()); }
  int64_t length(int64_t sample) const override { return place(sample).length; }
  void get(int64_t sample, std::vector<Row>& rows) const override;
  std::string describe() const override;
  std::string fingerprint() const override;

 protected:
  /// `what` names the rows in the log; `most_ids` is how many ids of a row are used.
  JsonlRows(const std::filesystem::path& path, const DatasetContext& context, std::string what,
            int64_t most_ids);

  /// Appends what one line gives. Complains through `line`. Called again for the same line.
  virtual RowFit read(const base::JsonReader& line, std::vector<Row>& rows) const = 0;
  /// After the last row: what is known only of the whole file.
  virtual void finish() {}
  /// Everything but file and length rules that decides the rows.
  virtual std::string rules() const { return ""; }

  /// The user's name of our column.
  std::string column(const std::string& name) const { return config_.column(name); }
  const DataConfig& config() const { return config_; }
  const std::filesystem::path& path() const { return file_.path(); }
  int64_t most_ids() const { return most_ids_; }
  base::Json line_of(int64_t sample) const;
  /// Reads the line of a sample.
  RowFit read_again(int64_t sample, std::vector<Row>& rows) const;
  /// Of the longest row of each sample.
  void set_length(int64_t sample, int64_t length);

  /// Applies data.too_long to a row; `key` is where a complaint points. A cut that leaves nothing
  /// trained is bad data.
  FittedIds fitted(const base::JsonReader& line, const std::string& key, MaskedIds masked) const;

 private:
  struct Place {
    int64_t offset;
    int32_t length;  ///< of the longest row
  };
  const Place& place(int64_t sample) const { return places_[static_cast<size_t>(sample)]; }

  const DataConfig config_;
  std::string what_;
  int64_t most_ids_;
  InputFile input_;
  RowFile file_;
  std::vector<Place> places_;
  int64_t cut_ = 0, left_out_ = 0;
};

/// Opened, as the table of formats wants it; `Rows` takes (file, context).
template <class Rows>
std::unique_ptr<Dataset> open_rows(const std::filesystem::path& file,
                                   const DatasetContext& context) {
  auto rows = std::make_unique<Rows>(file, context);
  rows->open();
  return rows;
}

/// What `context` has to encode text with; kBadUsage where there is no tokenizer.
PromptCodec prompt_codec_of(const std::filesystem::path& file, const DatasetContext& context);

/// What of a codec decides a row's ids, for fingerprints.
std::string rules_of(const PromptCodec& codec);

/// n ids as a training row: n - 1 tokens and the n - 1 that follow them; targets where trained.
Row next_token_row(const MaskedIds& masked, const TextCodec* codec);
/// n ids as n tokens, the last one without a target: for losses that look at whole answers.
Row answer_row(const MaskedIds& masked);

}  // namespace strata::data
