#include "trainer/evaluation/respondent.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "trainer/jobs/conversation.h"

namespace strata::trainer {
namespace {

using base::UserError;

const data::Tokenizer* codec_of(const OpenedModel& model) {
  return model.tokenizer ? &*model.tokenizer : nullptr;
}

/// What ends an answer: what the model's folder says, and the end of a turn.
std::vector<int64_t> ends_of(const OpenedModel& model,
                             const std::optional<data::ChatTemplate>& chat) {
  std::vector<int64_t> ends = model.model.info.end_ids;
  if (ends.empty() && model.tokenizer && model.tokenizer->end_id())
    ends.push_back(*model.tokenizer->end_id());
  const int64_t turn = chat && chat->usable() ? chat->stop_id() : -1;
  if (turn >= 0 && std::ranges::find(ends, turn) == ends.end()) ends.push_back(turn);
  return ends;
}

/// Where the first of the strings begins in `text`, or npos.
size_t first_of(const std::string& text, const std::vector<std::string>& strings) {
  size_t first = std::string::npos;
  for (const std::string& string : strings) first = std::min(first, text.find(string));
  return first;
}

}  // namespace

std::string text_of_ids(const data::Tokenizer* codec, std::span<const int32_t> ids) {
  return codec != nullptr ? codec->decode(ids) : fmt::format("{}", fmt::join(ids, " "));
}

double AnswerSet::stop_rate() const {
  return static_cast<double>(rollout.ended()) / static_cast<double>(rollout.size());
}

Respondent::Respondent(Session& session, const OpenedModel& model)
    : config_(session.config()),
      model_(model),
      chat_(choose_chat(config_, codec_of(model))),
      end_ids_(ends_of(model, chat_)),
      text_(codec_of(model), end_ids_) {}

std::string Respondent::prompt_key(const JsonRow& row) const {
  const base::JsonReader reader(row.object, row.where);
  std::vector<std::string> keys;
  for (const char* name : {"prompt", "question", "input_ids"})
    keys.push_back(config_.data.column(name));
  for (const std::string& key : keys) {
    if (reader.has(key)) return key;
  }
  throw UserError(base::kBadData,
                  fmt::format("{}: a question was expected, under one of the keys {}", row.where,
                              fmt::join(keys, ", ")));
}

data::PromptCodec Respondent::prompt_codec(const JsonRow& row) const {
  return data::PromptCodec(model_.text(row.where + ": text"), chat_ ? &*chat_ : nullptr);
}

std::vector<int32_t> Respondent::prompt_ids(const JsonRow& row) const {
  const std::string key = prompt_key(row);
  const base::JsonReader reader(row.object, row.where);
  const base::Json& value = reader.at(key);
  const bool is_ids = value.is_array() && !value.empty() && value[0].is_number();
  std::vector<int32_t> ids = is_ids ? ids_of(row, key, model_.model.info.config.vocabulary())
                                    : prompt_codec(row).prompt(reader, key);
  if (ids.empty()) reader.refuse(key, "is empty: an answer needs a token to follow");
  return ids;
}

data::MaskedIds Respondent::answered_ids(const JsonRow& row, const std::string& key) const {
  const base::JsonReader reader(row.object, row.where);
  const std::string prompt = prompt_key(row);
  if (codec() != nullptr) return prompt_codec(row).answered(reader, prompt, key);
  data::MaskedIds all{prompt_ids(row), {}};
  all.trained.assign(all.ids.size(), false);
  for (const int32_t id : encoded(reader.at(key), row, key)) all.ids.push_back(id);
  all.trained.resize(all.ids.size(), true);
  return all;
}

std::vector<int32_t> Respondent::encoded(const base::Json& value, const JsonRow& row,
                                         const std::string& key) const {
  if (value.is_string())
    return model_.text(row.where + ": text").encode_text(value.get<std::string>());
  JsonRow alone{base::Json::object(), row.where};
  alone.object[key] = value;
  return ids_of(alone, key, model_.model.info.config.vocabulary());
}

void Respondent::take_prompts(const std::vector<JsonRow>& rows) {
  const int64_t room = config_.generation.max_new_tokens;
  const int64_t longest = context() - room;
  if (longest < 1) {
    throw UserError(
        base::kBadUsage,
        fmt::format("generation.max_new_tokens is {}, which leaves no room for a prompt "
                    "in the model's context of {}",
                    room, context()));
  }
  for (const JsonRow& row : rows) {
    std::vector<int32_t> ids = prompt_ids(row);
    const auto beyond = static_cast<std::ptrdiff_t>(ids.size()) - longest;
    if (beyond > 0 && config_.data.too_long != "truncate") {
      throw UserError(
          base::kBadData,
          fmt::format("{}: a prompt of {} tokens leaves no room for generation.max_new_tokens = {} "
                      "in the model's context of {}; lower it, or set data.too_long to truncate",
                      row.where, ids.size(), room, context()));
    }
    if (beyond > 0) ids.erase(ids.begin(), ids.begin() + beyond);
    prompts_.push_back({std::move(ids), base::compact_json(row.object), row.where});
  }
}

AnswerSet Respondent::answer(int64_t copies, double temperature) const {
  const GenerationSection& generation = config_.generation;
  model::SamplingConfig sampling;
  sampling.max_new_tokens = generation.max_new_tokens;
  sampling.temperature = temperature;
  sampling.top_k = generation.top_k;
  sampling.top_p = generation.top_p;
  sampling.seed = static_cast<uint64_t>(generation.seed);
  sampling.end_ids.assign(end_ids_.begin(), end_ids_.end());

  model::GenerationHooks hooks;
  if (!generation.stop.empty()) {
    const data::Tokenizer& tokenizer = model_.text("generation.stop");
    hooks.stop_when = [&](int, std::span<const int32_t> ids) {
      return first_of(tokenizer.decode(ids), generation.stop) != std::string::npos;
    };
  }
  std::vector<const data::Prompt*> asked;
  for (const data::Prompt& prompt : prompts_)
    asked.insert(asked.end(), static_cast<size_t>(copies), &prompt);
  AnswerSet answers{sample_answers(*model_.model.decoder, asked, sampling, hooks), copies, {}};
  for (const Answer& answer : answers.rollout.answers()) {
    const std::string text = text_of_ids(codec(), text_.ids(answer));
    answers.texts.push_back(text.substr(0, first_of(text, generation.stop)));
  }
  return answers;
}

}  // namespace strata::trainer
