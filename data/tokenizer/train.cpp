#include "data/tokenizer/train.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "data/documents.h"
#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/bpe_trainer.h"
#include "data/tokenizer/pre_tokenizer.h"
#include "data/tokenizer/tokenizer_json.h"
#include "data/tokenizer/utf8.h"

namespace strata::data {
namespace {

/// Counts the pieces into which the future tokenizer will cut texts. Special tokens written in a
/// text are no part of it.
class WordCounter {
 public:
  explicit WordCounter(const base::SortedJsonReader& empty_tokenizer)
      : pre_tokenizer_(empty_tokenizer), model_(empty_tokenizer.object("model"), true) {
    for (const base::SortedJson& entry : empty_tokenizer.array("added_tokens")) {
      added_.add(read_added_token({entry, empty_tokenizer.source(), base::kBadUsage}), model_);
    }
    added_.index(Normalizer(), scratch_);
  }

  void add(std::string_view text) {
    std::string mended;
    if (!is_utf8(text)) text = mended = replace_bad_utf8(text);
    added_.split_raw(text, scratch_, [&](std::optional<int32_t> special, TextSpan span) {
      if (!special) add_plain(text.substr(span.begin, span.end - span.begin));
    });
  }

  const WordCounts& counts() const { return counts_; }

 private:
  void add_plain(std::string_view text) {
    pieces_.text = text;
    pre_tokenizer_.split(pieces_, scratch_);
    for (const TextSpan& span : pieces_.spans) {
      word_.assign(pieces_.text.substr(span.begin, span.end - span.begin));
      ++counts_[word_];
    }
  }

  PreTokenizer pre_tokenizer_;
  BpeModel model_;
  AddedTokens added_;
  RegexScratch scratch_;
  Pieces pieces_;
  std::string word_;
  WordCounts counts_;
};

/// Goes through the documents of all files.
class FileTexts {
 public:
  FileTexts(const std::vector<std::string>& files, const TrainProgress& progress)
      : progress_(progress) {
    for (const std::string& file : files) inputs_.push_back(look_at_input(file));
  }

  bool next(std::string& text) {
    while (!documents_ || !documents_->next()) {
      if (opened_ == inputs_.size()) return false;
      const InputFile& input = inputs_[opened_++];
      if (progress_) {
        progress_(fmt::format("reading {}", input.path.string()), static_cast<int64_t>(opened_),
                  static_cast<int64_t>(inputs_.size()));
      }
      documents_.emplace(input, "text");
    }
    text.assign(documents_->text());
    return true;
  }

 private:
  const TrainProgress& progress_;
  std::vector<InputFile> inputs_;
  size_t opened_ = 0;
  std::optional<DocumentReader> documents_;
};

void require_sound(const TokenizerTrainConfig& config) {
  base::Problems problems;
  config.check(problems, "tokenizer.train");
  if (problems.items.empty()) return;
  throw base::UserError(base::kBadUsage,
                        fmt::format("{} {}", problems.items[0].key, problems.items[0].why));
}

}  // namespace

Tokenizer train_tokenizer(const TokenizerTrainConfig& config,
                          const std::function<bool(std::string& text)>& next,
                          const TrainProgress& progress) {
  require_sound(config);
  TokenizerDraft draft(config);
  const auto empty =
      base::parse_sorted_json(draft.tokenizer_json(), "the new tokenizer", base::kBadUsage);
  WordCounter counter(base::SortedJsonReader(empty, "the new tokenizer", base::kBadUsage));
  for (std::string text; next(text);) counter.add(text);

  BpeTraining training;
  training.first_merge_id = draft.size();
  training.merges = config.vocab_size - draft.size();
  for (int byte = 0; byte < 256; ++byte)
    training.byte_id[byte] = draft.byte_id(static_cast<uint8_t>(byte));
  if (progress)
    training.progress = [&](int64_t done, int64_t total) { progress("merging", done, total); };
  for (const LearnedMerge& merge : learn_merges(counter.counts(), training))
    draft.add_merge(merge.left, merge.right);
  return Tokenizer(draft.files());
}

Tokenizer train_tokenizer(const TokenizerTrainConfig& config, const TrainProgress& progress) {
  if (config.files.empty()) {
    throw base::UserError(base::kBadUsage,
                          "tokenizer.train.files is empty: name the texts to learn from");
  }
  FileTexts texts(config.files, progress);
  return train_tokenizer(
      config, [&](std::string& text) { return texts.next(text); }, progress);
}

}  // namespace strata::data
