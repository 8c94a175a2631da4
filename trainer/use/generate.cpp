#include "trainer/use/generate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/generator.h"
#include "parallel/comm/collectives.h"
#include "trainer/use/opened_model.h"
#include "trainer/use/rows.h"

namespace strata::trainer {
namespace {

using Ids = std::vector<int32_t>;

model::SamplingConfig sampling_of(const GenerationSection& config, const OpenedModel& model) {
  model::SamplingConfig sampling;
  sampling.max_new_tokens = config.max_new_tokens;
  sampling.temperature = config.temperature;
  sampling.top_k = config.top_k;
  sampling.top_p = config.top_p;
  sampling.seed = static_cast<uint64_t>(config.seed);
  for (const int64_t id : model.model.info.end_ids)
    sampling.end_ids.push_back(static_cast<int32_t>(id));
  return sampling;
}

/// Where the first of the stop strings begins in `text`, or npos.
size_t find_stop(const std::string& text, const std::vector<std::string>& stops) {
  size_t first = std::string::npos;
  for (const std::string& stop : stops) first = std::min(first, text.find(stop));
  return first;
}

Ids prompt_ids(const data::Tokenizer& tokenizer, const std::string& prompt) {
  Ids ids = tokenizer.encode(prompt, /*add_special=*/true);
  if (ids.empty() && tokenizer.bos_id()) ids = {*tokenizer.bos_id()};
  if (ids.empty() && tokenizer.end_id())
    ids = {*tokenizer.end_id()};  // documents follow each other behind it
  if (ids.empty())
    throw base::UserError(base::kBadUsage,
                          "the prompt is empty, and the tokenizer has no token to begin with");
  return ids;
}

/// The text of an answer without its end token and whatever follows a stop string.
std::string answer_text(const OpenedModel& model, const model::Completion& completion,
                        const std::vector<std::string>& stops) {
  std::span<const int32_t> ids = completion.tokens;
  const auto& ends = model.model.info.end_ids;
  if (completion.reached_end && !ids.empty() && std::ranges::find(ends, ids.back()) != ends.end())
    ids = ids.first(ids.size() - 1);
  const std::string text = model.tokenizer->decode(ids);
  return text.substr(0, find_stop(text, stops));
}

model::GenerationHooks stop_hooks(const OpenedModel& model, const std::vector<std::string>& stops) {
  model::GenerationHooks hooks;
  if (!stops.empty()) {
    const data::Tokenizer& tokenizer = model.text("generation.stop");
    hooks.stop_when = [&tokenizer, &stops](int, std::span<const int32_t> ids) {
      return find_stop(tokenizer.decode(ids), stops) != std::string::npos;
    };
  }
  return hooks;
}

Ids ids_of_prompt(const JsonRow& row, const OpenedModel& model) {
  const base::JsonReader reader(row.object, row.where);
  const Ids ids = reader.has("input_ids")
                      ? ids_of(row, "input_ids", model.model.info.config.vocabulary())
                      : prompt_ids(model.text("a row with a prompt"), reader.string("prompt"));
  const auto length = static_cast<int64_t>(ids.size());
  if (length >= model.model.info.config.context) {
    throw base::UserError(
        base::kBadData,
        fmt::format("{}: a prompt of {} tokens leaves no room in the model's context of {}",
                    row.where, length, model.model.info.config.context));
  }
  return ids;
}

}  // namespace

void generate_text(Session& session, const OpenedModel& model, const std::string& prompt) {
  const GenerationSection& config = session.config().generation;
  const data::Tokenizer& tokenizer = model.text("generating text");
  data::StreamDecoder decoder(tokenizer);
  const bool speaks = session.is_main_rank();
  model::GenerationHooks hooks = stop_hooks(model, config.stop);
  const auto& ends = model.model.info.end_ids;
  // With stop strings the text is held back, as its end may be the begin of one.
  const bool streams = speaks && config.stop.empty();
  hooks.on_token = [&](int, int32_t id, float) {
    if (!streams || std::ranges::find(ends, id) != ends.end()) return;
    fmt::print("{}", decoder.push(id));
    std::fflush(stdout);
  };
  const Ids ids = prompt_ids(tokenizer, prompt);
  const int64_t number = 0;
  const auto completions =
      model::Generator(*model.model.decoder)
          .generate({&ids, 1}, {&number, 1}, sampling_of(config, model), hooks);
  if (!speaks) return;
  fmt::print("{}\n", streams ? decoder.finish() : answer_text(model, completions[0], config.stop));
}

void generate_file(Session& session, const OpenedModel& model, const std::filesystem::path& file,
                   const std::filesystem::path& out) {
  const GenerationSection& config = session.config().generation;
  const std::vector<JsonRow> rows = read_rows(file);
  std::vector<Ids> all;
  for (const JsonRow& row : rows) all.push_back(ids_of_prompt(row, model));
  const std::vector<size_t> own = own_rows(rows.size(), session.context());
  std::vector<Ids> prompts;
  std::vector<int64_t> numbers(own.begin(), own.end());
  for (const size_t row : own) prompts.push_back(all[row]);
  const auto completions =
      model::Generator(*model.model.decoder)
          .generate(prompts, numbers, sampling_of(config, model), stop_hooks(model, config.stop),
                    session.config().batch.global);
  std::vector<std::string> lines;
  for (size_t i = 0; i < own.size(); ++i) {
    const model::Completion& completion = completions[i];
    base::Json answer = rows[own[i]].object;
    if (model.tokenizer) answer["completion"] = answer_text(model, completion, config.stop);
    answer["ids"] = completion.tokens;
    answer["finish"] = completion.reached_end ? "stop" : "length";
    answer["logprobs"] = completion.logprobs;
    lines.push_back(base::compact_json(answer));
  }
  write_rows(out, rows.size(), own, lines, session.context());
}

void chat(Session& session, const OpenedModel& model) {
  const bool terminal = session.is_main_rank() && isatty(STDIN_FILENO) != 0;
  if (terminal) fmt::print("Type a beginning; the model goes on. An empty line or Ctrl-D ends.\n");
  while (true) {
    std::string line;
    if (terminal) {
      fmt::print("> ");
      std::fflush(stdout);
    }
    if (session.is_main_rank() && !std::getline(std::cin, line)) line.clear();
    line = parallel::broadcast_string(session.world(), line);
    if (line.empty()) return;
    generate_text(session, model, line);
  }
}

}  // namespace strata::trainer
