// strata score | generate | chat | export: a model in use.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <iterator>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/models/adapters.h"
#include "trainer/models/save.h"
#include "trainer/use/generate.h"
#include "trainer/use/opened_model.h"
#include "trainer/use/score.h"

namespace strata::trainer {
namespace {

using base::UserError;

std::string needed(const Args& args, std::string_view option) {
  if (!args.has(option))
    throw UserError(base::kBadUsage, fmt::format("--{} FILE is needed", option));
  return args.value(option);
}

/// Where an export goes. A folder that is there is replaced, so it must be a model's: nobody's
/// files, nor the run itself, go with it.
std::filesystem::path export_folder(const std::string& given, const ModelSource& source) {
  namespace fs = std::filesystem;
  fs::path out = fs::weakly_canonical(given);
  if (!out.has_filename()) out = out.parent_path();  // "folder/"
  if (!fs::exists(out)) return out;
  const auto refuse = [&](const char* why) {
    throw UserError(base::kBadUsage, fmt::format("{} {}; choose another folder", given, why));
  };
  if (!fs::is_directory(out)) refuse("is a file");
  if (fs::equivalent(out, source.folder)) refuse("is what would be exported");
  const bool is_model = fs::exists(out / "config.json") || fs::exists(out / "adapter_config.json");
  if (!fs::is_empty(out) && (!is_model || fs::exists(out / "checkpoints")))
    refuse("holds other files than a model's");
  return out;
}

}  // namespace

void score_command(const Invocation& call) {
  const std::string rows = needed(call.args, "data"), out = needed(call.args, "out");
  const std::unique_ptr<Session> session = use_session(call.world, call.log, call.args.overrides());
  score_file(*session, open_model(*session, call.args.positional()[0]), rows, out);
}

void generate_command(const Invocation& call) {
  const Args& args = call.args;
  if (args.has("data") != args.has("out"))
    throw UserError(base::kBadUsage, "--data FILE and --out FILE go together");
  if (args.has("data") && args.has("prompt"))
    throw UserError(base::kBadUsage, "give --prompt or --data, not both");
  const std::unique_ptr<Session> session = use_session(call.world, call.log, args.overrides());
  const OpenedModel model = open_model(*session, args.positional()[0]);
  model.need_language_model("generating text");
  if (args.has("data"))
    return generate_file(*session, model, args.value("data"), args.value("out"));
  std::string prompt = args.value("prompt");
  if (!args.has("prompt") && call.is_main_rank())
    prompt = std::string(std::istreambuf_iterator<char>(std::cin), {});
  generate_text(*session, model, parallel::broadcast_string(session->world(), prompt));
}

void chat_command(const Invocation& call) {
  const std::unique_ptr<Session> session = use_session(call.world, call.log, call.args.overrides());
  const OpenedModel model = open_model(*session, call.args.positional()[0]);
  model.need_language_model("a conversation");
  chat(*session, model);
}

void export_command(const Invocation& call) {
  const std::unique_ptr<Session> session = use_session(call.world, call.log, call.args.overrides());
  OpenedModel opened = open_model(*session, call.args.positional()[0]);
  const std::string dtype = call.args.value("dtype", opened.source.info.dtype);
  if (dtype != "fp32" && dtype != "bf16") {
    throw UserError(base::kBadUsage, fmt::format("--dtype is fp32 or bf16, not '{}'{}", dtype,
                                                 base::did_you_mean(dtype, {"fp32", "bf16"})));
  }
  const std::string& given = call.args.positional()[1];
  const std::filesystem::path out = export_folder(given, opened.source);
  session->world().barrier();  // all have looked before the first writes
  if (opened.source.base && !call.args.has("merge")) {
    if (call.is_main_rank()) {
      write_peft_folder(out, opened.source);
      if (opened.tokenizer) opened.tokenizer->save(out);
    }
    session->log().info(
        fmt::format("{}: the adapters of {}", given, opened.source.folder.string()));
    return;
  }
  model::FolderInfo info = opened.source.info;
  info.dtype = dtype;
  save_model_folder(out, info, *opened.model.decoder, opened.source.tokenizer);
  session->log().info(fmt::format("{}: {} in {}", given, opened.source.folder.string(), dtype));
}

}  // namespace strata::trainer
