#include "trainer/use/score.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/chat/prompt_codec.h"
#include "model/generator.h"
#include "trainer/use/opened_model.h"
#include "trainer/use/rows.h"

namespace strata::trainer {
namespace {

using base::JsonReader;

/// As in training: prompt and answer by the same rules, and the answer ends with its end token.
std::vector<int32_t> ids_to_score(const JsonRow& row, const OpenedModel& model,
                                  const data::ChatTemplate* chat) {
  const JsonReader reader(row.object, row.where);
  if (reader.has("input_ids"))
    return ids_of(row, "input_ids", model.model.info.config.vocabulary());
  const data::PromptCodec codec(model.text("a row of text"), chat);
  if (reader.has("text")) return codec.codec().encode_document(reader.string("text"));
  if (reader.has("messages")) {
    data::MaskedIds masked = codec.conversation(reader, "messages");
    const bool answered = data::read_messages(reader, "messages").back().role == "assistant";
    if (answered && model.model.info.head == model::HeadKind::kScalar)
      data::cut_behind_answer(masked);
    return masked.ids;
  }
  if (reader.has("prompt") && reader.has("completion"))
    return codec.answered(reader, "prompt", "completion").ids;
  throw base::UserError(
      base::kBadData, row.where + ": expected input_ids, text, messages, or prompt and completion");
}

base::Json as_json(const std::vector<float>& logprobs) {
  base::Json list = base::Json::array();
  for (size_t i = 0; i < logprobs.size(); ++i)
    list.push_back(i == 0 ? base::Json() : base::Json(logprobs[i]));
  return list;
}

/// What the answer has beside the row's own columns, for each of `rows`.
std::vector<base::Json> judge(const OpenedModel& model,
                              std::span<const std::vector<int32_t>> rows) {
  std::vector<base::Json> judged(rows.size());
  const model::Decoder& decoder = *model.model.decoder;
  if (model.model.info.head == model::HeadKind::kScalar) {
    const std::vector<float> rewards = model::reward(decoder, rows);
    for (size_t i = 0; i < rows.size(); ++i)
      judged[i]["reward"] = rewards[i] + model.model.info.reward_shift;
    return judged;
  }
  const std::vector<std::vector<float>> scores = model::score(decoder, rows);
  for (size_t i = 0; i < rows.size(); ++i) judged[i]["logprobs"] = as_json(scores[i]);
  return judged;
}

}  // namespace

void score_file(Session& session, const OpenedModel& model, const std::filesystem::path& file,
                const std::filesystem::path& out) {
  const std::vector<JsonRow> rows = read_rows(file);
  std::vector<std::vector<int32_t>> all;
  const int64_t context = model.model.info.config.context;
  const std::optional<data::ChatTemplate> chat = model.chat();
  for (const JsonRow& row : rows) {
    all.push_back(ids_to_score(row, model, chat ? &*chat : nullptr));
    const auto length = static_cast<int64_t>(all.back().size());
    if (length > context) {
      throw base::UserError(base::kBadData,
                            fmt::format("{}: {} tokens, more than the model's context of {}",
                                        row.where, length, context));
    }
  }
  const std::vector<size_t> own = own_rows(rows.size(), session.context());
  std::vector<std::vector<int32_t>> mine;
  for (const size_t row : own) mine.push_back(all[row]);
  const std::vector<base::Json> judged = judge(model, mine);
  std::vector<std::string> lines;
  for (size_t i = 0; i < own.size(); ++i) {
    base::Json answer = rows[own[i]].object;
    answer.update(judged[i]);
    lines.push_back(base::compact_json(answer));
  }
  write_rows(out, rows.size(), own, lines, session.context());
}

}  // namespace strata::trainer
