#include "data/datasets/completions.h"

#include <algorithm>
#include <utility>

#include "data/datasets/jsonl_rows.h"
#include "data/datasets/packed.h"

namespace strata::data {

namespace {

/// What both forms share: the mask as the job wants it, the fit, the shift.
class ImitatedRows : public JsonlRows {
 protected:
  ImitatedRows(const std::filesystem::path& path, const DatasetContext& context, std::string what,
               std::string key)
      : JsonlRows(path, context, std::move(what), context.sequence + 1),
        codec_(prompt_codec_of(path, context)),
        key_(column(key)),
        train_on_prompts_(context.train_on_prompts) {}

  virtual MaskedIds encode(const base::JsonReader& line) const = 0;

  const PromptCodec& codec() const { return codec_; }
  const std::string& key() const { return key_; }

 private:
  RowFit read(const base::JsonReader& line, std::vector<Row>& rows) const override {
    MaskedIds masked = encode(line);
    if (train_on_prompts_) masked.trained.assign(masked.ids.size(), true);
    if (std::ranges::find(masked.trained, true) == masked.trained.end())
      line.refuse(key_, "holds no assistant's turn: there is nothing to train on");
    if (masked.ids.size() < 2)
      line.refuse(key_, "makes a row of one token: there is nothing to predict it from");
    const FittedIds fitted = this->fitted(line, key_, std::move(masked));
    if (fitted.fit != RowFit::kLeftOut)
      rows.push_back(next_token_row(fitted.masked, &codec_.codec()));
    return fitted.fit;
  }

  std::string rules() const override {
    return rules_of(codec_) + (train_on_prompts_ ? " all" : "");
  }

  PromptCodec codec_;
  std::string key_;
  bool train_on_prompts_;
};

class Completions : public ImitatedRows {
 public:
  Completions(const std::filesystem::path& path, const DatasetContext& context)
      : ImitatedRows(path, context, "prompt+completion", "completion"),
        prompt_key_(column("prompt")) {}

 private:
  MaskedIds encode(const base::JsonReader& line) const override {
    return codec().answered(line, prompt_key_, key());
  }

  std::string prompt_key_;
};

class Conversations : public ImitatedRows {
 public:
  Conversations(const std::filesystem::path& path, const DatasetContext& context)
      : ImitatedRows(path, context, "messages", "messages") {}

 private:
  MaskedIds encode(const base::JsonReader& line) const override {
    return codec().conversation(line, key());
  }
};

}  // namespace

std::unique_ptr<Dataset> open_completions(const std::filesystem::path& file,
                                          const DatasetContext& context) {
  return packed_if_asked(open_rows<Completions>(file, context), context);
}

std::unique_ptr<Dataset> open_conversations(const std::filesystem::path& file,
                                            const DatasetContext& context) {
  return packed_if_asked(open_rows<Conversations>(file, context), context);
}

}  // namespace strata::data
