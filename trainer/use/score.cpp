#include "trainer/use/score.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/generator.h"
#include "trainer/use/opened_model.h"
#include "trainer/use/rows.h"

namespace strata::trainer {
namespace {

using base::JsonReader;

std::vector<int32_t> ids_to_score(const JsonRow& row, const OpenedModel& model) {
  const JsonReader reader(row.object, row.where);
  if (reader.has("input_ids"))
    return ids_of(row, "input_ids", model.model.info.config.vocabulary());
  if (reader.has("text"))
    return model.text("a row of text").encode(reader.string("text"), /*add_special=*/true);
  if (!reader.has("prompt") || !reader.has("completion")) {
    throw base::UserError(base::kBadData,
                          row.where + ": expected input_ids, text, or prompt and completion");
  }
  // As in training: the two are encoded apart, and the answer ends with the end token.
  const data::Tokenizer& tokenizer = model.text("a row of text");
  std::vector<int32_t> ids = tokenizer.encode(reader.string("prompt"), /*add_special=*/true);
  const std::vector<int32_t> answer = tokenizer.encode(reader.string("completion"));
  ids.insert(ids.end(), answer.begin(), answer.end());
  if (const auto end = tokenizer.end_id()) ids.push_back(*end);
  return ids;
}

base::Json as_json(const std::vector<float>& logprobs) {
  base::Json list = base::Json::array();
  for (size_t i = 0; i < logprobs.size(); ++i)
    list.push_back(i == 0 ? base::Json() : base::Json(logprobs[i]));
  return list;
}

}  // namespace

void score_file(Session& session, const OpenedModel& model, const std::filesystem::path& file,
                const std::filesystem::path& out) {
  const std::vector<JsonRow> rows = read_rows(file);
  std::vector<std::vector<int32_t>> all;
  const int64_t context = model.model.info.config.context;
  for (const JsonRow& row : rows) {
    all.push_back(ids_to_score(row, model));
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
  const std::vector<std::vector<float>> scores = model::score(*model.model.decoder, mine);
  std::vector<std::string> lines;
  for (size_t i = 0; i < own.size(); ++i) {
    base::Json answer = rows[own[i]].object;
    answer["logprobs"] = as_json(scores[i]);
    lines.push_back(base::compact_json(answer));
  }
  write_rows(out, rows.size(), own, lines, session.context());
}

}  // namespace strata::trainer
