#include "trainer/use/generate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/chat/prompt_codec.h"
#include "model/generator.h"
#include "parallel/comm/collectives.h"
#include "trainer/use/opened_model.h"
#include "trainer/use/rows.h"

namespace strata::trainer {
namespace {

using Ids = std::vector<int32_t>;

/// `chat` is the template of the prompts, null where they are plain text.
model::SamplingConfig sampling_of(const GenerationSection& config, const OpenedModel& model,
                                  const data::ChatTemplate* chat) {
  model::SamplingConfig sampling;
  sampling.max_new_tokens = config.max_new_tokens;
  sampling.temperature = config.temperature;
  sampling.top_k = config.top_k;
  sampling.top_p = config.top_p;
  sampling.seed = static_cast<uint64_t>(config.seed);
  for (const int64_t id : model.model.info.end_ids)
    sampling.end_ids.push_back(static_cast<int32_t>(id));
  const bool stops_anyway =
      chat == nullptr ||
      std::ranges::find(sampling.end_ids, chat->stop_id()) != sampling.end_ids.end();
  if (!stops_anyway) sampling.end_ids.push_back(chat->stop_id());
  return sampling;
}

/// Where the first of the stop strings begins in `text`, or npos.
size_t find_stop(const std::string& text, const std::vector<std::string>& stops) {
  size_t first = std::string::npos;
  for (const std::string& stop : stops) first = std::min(first, text.find(stop));
  return first;
}

/// The ids of a prompt that is a text; an empty one begins a document.
Ids text_ids(const data::Tokenizer& tokenizer, const std::string& prompt) {
  Ids ids = tokenizer.encode_document(prompt);
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
                        const std::vector<int32_t>& ends, const std::vector<std::string>& stops) {
  std::span<const int32_t> ids = completion.tokens;
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

Ids ids_of_row(const JsonRow& row, const OpenedModel& model, const data::ChatTemplate* chat) {
  const base::JsonReader reader(row.object, row.where);
  if (reader.has("input_ids"))
    return ids_of(row, "input_ids", model.model.info.config.vocabulary());
  const data::Tokenizer& tokenizer = model.text("a row with a prompt");
  const std::string key = reader.has("messages") ? "messages" : "prompt";
  if (reader.at(key).is_string()) return text_ids(tokenizer, reader.string(key));
  return data::PromptCodec(tokenizer, chat).prompt(reader, key);
}

Ids ids_of_prompt(const JsonRow& row, const OpenedModel& model, const data::ChatTemplate* chat) {
  const Ids ids = ids_of_row(row, model, chat);
  const auto length = static_cast<int64_t>(ids.size());
  if (length >= model.model.info.config.context) {
    throw base::UserError(
        base::kBadData,
        fmt::format("{}: a prompt of {} tokens leaves no room in the model's context of {}",
                    row.where, length, model.model.info.config.context));
  }
  return ids;
}

/// Generates one answer, streams it to standard output (main rank) and returns its text.
std::string answer_streamed(Session& session, const OpenedModel& model, const Ids& prompt,
                            const data::ChatTemplate* chat) {
  const GenerationSection& config = session.config().generation;
  const model::SamplingConfig sampling = sampling_of(config, model, chat);
  data::StreamDecoder decoder(*model.tokenizer);
  const bool speaks = session.is_main_rank();
  model::GenerationHooks hooks = stop_hooks(model, config.stop);
  // With stop strings the text is held back, as its end may be the begin of one.
  const bool streams = speaks && config.stop.empty();
  hooks.on_token = [&](int, int32_t id, float) {
    if (!streams || std::ranges::find(sampling.end_ids, id) != sampling.end_ids.end()) return;
    fmt::print("{}", decoder.push(id));
    std::fflush(stdout);
  };
  const int64_t number = 0;
  const auto completions =
      model::Generator(*model.model.decoder).generate({&prompt, 1}, {&number, 1}, sampling, hooks);
  const std::string text = answer_text(model, completions[0], sampling.end_ids, config.stop);
  if (speaks) fmt::print("{}\n", streams ? decoder.finish() : text);
  return text;
}

/// The ids that end where the next answer begins; the oldest turns are forgotten until it has room.
Ids conversation_ids(const data::ChatTemplate& chat, data::Messages& messages, int64_t room) {
  while (true) {
    Ids ids = chat.render(messages, 0, /*add_generation_prompt=*/true).ids;
    const bool has_system = messages.front().role == "system";
    const size_t turns = messages.size() - has_system;
    if (static_cast<int64_t>(ids.size()) <= room || turns < 3) return ids;
    const auto oldest = messages.begin() + has_system;
    messages.erase(oldest, oldest + 2);
  }
}

/// A line from the user's terminal or standard input; empty at its end.
std::string next_line(Session& session, bool terminal) {
  std::string line;
  if (terminal) {
    fmt::print("> ");
    std::fflush(stdout);
  }
  if (session.is_main_rank() && !std::getline(std::cin, line)) line.clear();
  return parallel::broadcast_string(session.world(), line);
}

}  // namespace

void generate_text(Session& session, const OpenedModel& model, const std::string& prompt) {
  answer_streamed(session, model, text_ids(model.text("generating text"), prompt), nullptr);
}

void generate_file(Session& session, const OpenedModel& model, const std::filesystem::path& file,
                   const std::filesystem::path& out) {
  const GenerationSection& config = session.config().generation;
  const std::vector<JsonRow> rows = read_rows(file);
  const std::optional<data::ChatTemplate> own_chat = model.chat(), chat = model.chat_of_rows();
  const model::SamplingConfig sampling =
      sampling_of(config, model, own_chat && own_chat->usable() ? &*own_chat : nullptr);
  std::vector<Ids> all;
  for (const JsonRow& row : rows) all.push_back(ids_of_prompt(row, model, chat ? &*chat : nullptr));
  const std::vector<size_t> own = own_rows(rows.size(), session.context());
  std::vector<Ids> prompts;
  std::vector<int64_t> numbers(own.begin(), own.end());
  for (const size_t row : own) prompts.push_back(all[row]);
  const auto completions = model::Generator(*model.model.decoder)
                               .generate(prompts, numbers, sampling, stop_hooks(model, config.stop),
                                         session.config().batch.global);
  std::vector<std::string> lines;
  for (size_t i = 0; i < own.size(); ++i) {
    const model::Completion& completion = completions[i];
    base::Json answer = rows[own[i]].object;
    if (model.tokenizer)
      answer["completion"] = answer_text(model, completion, sampling.end_ids, config.stop);
    answer["ids"] = completion.tokens;
    answer["finish"] = completion.reached_end ? "stop" : "length";
    answer["logprobs"] = completion.logprobs;
    lines.push_back(base::compact_json(answer));
  }
  write_rows(out, rows.size(), own, lines, session.context());
}

void chat(Session& session, const OpenedModel& model) {
  model.text("a conversation");
  const std::optional<data::ChatTemplate> own = model.chat();
  const bool converses = own && own->usable();
  const bool terminal = session.is_main_rank() && isatty(STDIN_FILENO) != 0;
  if (terminal) {
    fmt::print("{} An empty line or Ctrl-D ends.\n",
               converses ? fmt::format("Talk with the model (template {}).", own->name())
                         : std::string("Type a beginning; the model goes on."));
  }
  const int64_t room = model.model.info.config.context - session.config().generation.max_new_tokens;
  data::Messages messages;
  while (true) {
    const std::string line = next_line(session, terminal);
    if (line.empty()) return;
    if (!converses) {
      generate_text(session, model, line);
      continue;
    }
    messages.push_back({"user", line});
    const Ids ids = conversation_ids(*own, messages, room);
    messages.push_back({"assistant", answer_streamed(session, model, ids, &*own)});
  }
}

}  // namespace strata::trainer
