#include "data/datasets/prompts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"
#include "data/datasets/jsonl_rows.h"
#include "data/datasets/token_rows.h"
#include "data/documents.h"

namespace strata::data {

PromptSet::PromptSet(const std::string& file, const DatasetContext& context, int64_t longest)
    : file_(file), longest_(longest) {
  const std::string ids_key = context.config.column("input_ids");
  const std::string prompt_key = context.config.column("prompt");
  const int64_t vocabulary = context.vocab_size > 0 ? context.vocab_size : int64_t{INT32_MAX};
  const std::string& too_long = context.config.too_long;
  if (longest < 1) {
    throw base::UserError(base::kBadUsage,
                          "batch.sequence leaves no room for a prompt: it must be above "
                          "generation.max_new_tokens");
  }
  const auto read = [&](const base::JsonReader& row) {
    Prompt prompt;
    if (row.has(ids_key)) {
      prompt.ids = read_token_ids(row, ids_key, vocabulary);
    } else {
      prompt.ids = prompt_codec_of(file, context).prompt(row, prompt_key);
    }
    const std::string& key = row.has(ids_key) ? ids_key : prompt_key;
    if (prompt.ids.empty()) row.refuse(key, "is empty: an answer needs a token to follow");
    if (static_cast<int64_t>(prompt.ids.size()) > longest && too_long == "error") {
      row.refuse(key, fmt::format("has {} tokens, more than batch.sequence - "
                                  "generation.max_new_tokens = {}; raise batch.sequence, or set "
                                  "data.too_long to truncate or drop",
                                  prompt.ids.size(), longest));
    }
    prompt.row = base::compact_json(row.value());
    return prompt;
  };
  const InputFile input = look_at_input(file);
  if (!input.is_jsonl)
    throw base::UserError(base::kBadData, file + ": prompts are rows of JSONL (.jsonl)");
  for (JsonlReader rows(input); rows.next();) {
    Prompt prompt = rows.read(read);
    prompt.where = rows.where();
    const auto beyond = static_cast<int64_t>(prompt.ids.size()) - longest;
    if (beyond > 0 && too_long == "drop") {
      ++dropped_;
      continue;
    }
    if (beyond > 0) {
      prompt.ids.erase(prompt.ids.begin(), prompt.ids.begin() + beyond);
      ++cut_;
    }
    prompts_.push_back(std::move(prompt));
  }
}

base::Json PromptSet::row(int64_t i) const { return base::parse_json(at(i).row, at(i).where); }

std::string PromptSet::describe() const {
  std::string text = fmt::format("{}: {} prompts", file_, size());
  if (cut_ > 0) text += fmt::format(", {} of them cut to their last {} tokens", cut_, longest_);
  if (dropped_ > 0)
    text += fmt::format("; {} prompts of more than {} tokens left out", dropped_, longest_);
  return text;
}

std::string PromptSet::fingerprint() const {
  std::string all;
  for (const Prompt& prompt : prompts_)
    all += fmt::format("{} {}\n", fmt::join(prompt.ids, " "), prompt.row);
  return base::fingerprint(all);
}

}  // namespace strata::data
