// strata tokenizer ... and strata data ...: from text to token shards. Need no model.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "data/inspect.h"
#include "data/prepare.h"
#include "data/tokenizer/commands.h"
#include "data/tokenizer/train.h"
#include "data/verify.h"
#include "parallel/comm/communicator.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/config/load.h"
#include "trainer/jobs/conversation.h"

namespace strata::trainer {
namespace {

using base::Json;
using base::UserError;

/// The tokenizer that a config names; UserError where it names none.
data::Tokenizer configured_tokenizer(const RunConfig& config) {
  if (config.tokenizer.path.empty())
    throw UserError(base::kBadUsage, "tokenizer.path: says which tokenizer to use, and is not set");
  return data::Tokenizer::load(config.tokenizer.path);
}

/// --data and --out belong together.
bool works_on_files(const Args& args) {
  if (args.has("data") != args.has("out"))
    throw UserError(base::kBadUsage, "--data FILE and --out FILE go together");
  return args.has("data");
}

std::string standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

int32_t id_of_word(const std::string& word) {
  int32_t id = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
  if (error != std::errc() || end != word.data() + word.size()) {
    throw UserError(base::kBadUsage, fmt::format("'{}' is no token id", word));
  }
  return id;
}

}  // namespace

void tokenizer_train_command(const Invocation& call) {
  const LoadedRun run = load_run(call.args.positional()[0], call.args.overrides(), "tokenizer");
  const TokenizerSection& config = run.config.tokenizer;
  if (config.out.empty())
    throw UserError(base::kBadUsage,
                    "tokenizer.out: says where the tokenizer goes, and is not set");
  if (!call.is_main_rank()) return;
  base::Progress progress(call.log, "tokenizer");
  const data::Tokenizer tokenizer =
      data::train_tokenizer(config.train, [&](std::string_view what, int64_t done, int64_t total) {
        progress.update(done, total, what);
      });
  progress.finish();
  tokenizer.save(config.out);
  call.log.info(fmt::format("tokenizer: {} tokens in {}", tokenizer.vocab_size(), config.out));
}

void tokenizer_encode_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const Args& args = call.args;
  const data::Tokenizer tokenizer = data::Tokenizer::load(args.positional()[0]);
  if (works_on_files(args)) {
    const int64_t rows =
        data::encode_file(tokenizer, args.value("data"), args.value("out"), args.has("special"));
    call.log.info(fmt::format("{} rows in {}", rows, args.value("out")));
    return;
  }
  const std::string text = args.has("text") ? args.value("text") : standard_input();
  fmt::print("{}\n", fmt::join(tokenizer.encode(text, args.has("special")), " "));
}

void tokenizer_decode_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const Args& args = call.args;
  const data::Tokenizer tokenizer = data::Tokenizer::load(args.positional()[0]);
  if (works_on_files(args)) {
    const int64_t rows = data::decode_file(tokenizer, args.value("data"), args.value("out"));
    call.log.info(fmt::format("{} rows in {}", rows, args.value("out")));
    return;
  }
  std::vector<int32_t> ids;
  for (size_t i = 1; i < args.positional().size(); ++i)
    ids.push_back(id_of_word(args.positional()[i]));
  if (args.positional().size() == 1) {
    for (std::string word; std::cin >> word;) ids.push_back(id_of_word(word));
  }
  fmt::print("{}\n", tokenizer.decode(ids));
}

void tokenizer_info_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const Json facts = data::describe_tokenizer(data::Tokenizer::load(call.args.positional()[0]));
  if (call.args.has("json")) {
    fmt::print("{}", base::pretty_json(facts));
    return;
  }
  for (const auto& [key, value] : facts.items())
    fmt::print("{:<16} {}\n", key,
               value.is_string() ? value.get<std::string>() : base::compact_json(value));
}

void data_prepare_command(const Invocation& call) {
  const LoadedRun run = load_run(call.args.positional()[0], call.args.overrides(), "prepare");
  const data::PrepareConfig& config = run.config.prepare;
  if (config.inputs.empty())
    throw UserError(base::kBadUsage, "prepare.inputs: says which files to read, and is not set");
  if (config.out.empty())
    throw UserError(base::kBadUsage, "prepare.out: says where the shards go, and is not set");
  const data::Tokenizer tokenizer = configured_tokenizer(run.config);
  base::Progress progress(call.log, "prepare");
  data::PrepareRequest request{config, tokenizer};
  request.rank = call.world.rank();
  request.size = call.world.size();
  request.barrier = [&] { call.world.barrier(); };
  request.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  request.save_tokenizer = [&](const std::filesystem::path& folder) { tokenizer.save(folder); };
  const data::PrepareResult result = data::prepare(request);
  progress.finish();
  int64_t documents = 0, tokens = 0, bytes = 0;
  for (const data::ShardEntry& shard : result.manifest.shards) {
    documents += shard.documents;
    tokens += shard.tokens;
    bytes += shard.text_bytes;
  }
  call.log.info(
      fmt::format("{}: {} documents, {} tokens ({:.2f} bytes each), {} shard files, {} of them "
                  "kept; {} empty documents passed over",
                  config.out, documents, tokens,
                  static_cast<double>(bytes) / static_cast<double>(std::max<int64_t>(tokens, 1)),
                  result.manifest.shards.size(), result.files_kept, result.empty_documents));
}

void data_inspect_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const Args& args = call.args;
  const std::filesystem::path path = args.positional()[0];
  const LoadedRun run = load_run("", args.overrides(), "inspect");
  std::filesystem::path tokenizer_path = args.value("tokenizer", run.config.tokenizer.path);
  if (tokenizer_path.empty() && std::filesystem::exists(data::tokenizer_of_shards(path)))
    tokenizer_path = data::tokenizer_of_shards(path);
  std::optional<data::Tokenizer> tokenizer;
  if (!tokenizer_path.empty()) tokenizer = data::Tokenizer::load(tokenizer_path);
  data::DatasetContext context{run.config.data, run.config.batch.sequence,
                               tokenizer ? &*tokenizer : nullptr, 0};
  const std::optional<data::ChatTemplate> chat =
      choose_chat(run.config, tokenizer ? &*tokenizer : nullptr);
  context.chat = chat ? &*chat : nullptr;
  context.kinds = data::all_row_kinds();
  context.train_on_prompts = run.config.sft.train_on == "all";
  const data::Inspection inspection =
      data::inspect(path, context, args.number("samples").value_or(3));
  if (args.has("json")) {
    fmt::print("{}", base::pretty_json(data::inspection_json(inspection)));
    return;
  }
  const bool colours = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  fmt::print("{}", data::inspection_text(inspection, colours ? "\033[1;32m" : "[[",
                                         colours ? "\033[0m" : "]]"));
}

void data_verify_command(const Invocation& call) {
  if (!call.is_main_rank()) return;
  const std::string path = call.args.positional()[0];
  const std::vector<std::string> faults = data::verify_shards(path);
  if (call.args.has("json")) {
    fmt::print("{}",
               base::pretty_json({{"path", path}, {"sound", faults.empty()}, {"faults", faults}}));
  } else {
    for (const std::string& fault : faults) fmt::print("{}\n", fault);
    if (faults.empty()) fmt::print("{}: sound\n", path);
  }
  if (!faults.empty())
    throw UserError(base::kBadData, fmt::format("{}: {} faults", path, faults.size()));
}

}  // namespace strata::trainer
