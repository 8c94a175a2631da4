#include "trainer/jobs/start.h"

#include <fmt/format.h>

#include "base/error.h"
#include "data/loader.h"
#include "model/lora.h"
#include "trainer/models/adapters.h"
#include "trainer/plan/fit.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

using base::UserError;

/// The ids that generation and padding need, into the model's config. A model without a pad token
/// gets one that is not its end token.
void take_special_ids(const data::Tokenizer& tokenizer, model::FolderInfo& info) {
  if (info.end_ids.empty() && tokenizer.end_id()) info.end_ids = {*tokenizer.end_id()};
  if (info.bos_id < 0 && tokenizer.bos_id()) info.bos_id = *tokenizer.bos_id();
  if (info.pad_id < 0 && tokenizer.pad_id()) info.pad_id = *tokenizer.pad_id();
}

/// A language model can get a scalar head; a reward model has lost what a language model is.
void check_head(const ModelSource& source, model::HeadKind wanted) {
  if (source.info.head != model::HeadKind::kScalar || wanted == model::HeadKind::kScalar) return;
  throw UserError(
      base::kBadUsage,
      fmt::format("model.from: {} is a model with a scalar head (a reward model); a language model "
                  "is needed here",
                  source.folder.string()));
}

/// Adapters need something to adapt, and layers to sit beside.
void check_adapters(const RunConfig& config, const model::ModelConfig& model) {
  if (config.lora.rank == 0) return;
  if (config.model.from.empty())
    throw UserError(base::kBadUsage, "lora.rank: adapters need a model: set model.from");
  model::lora_places(model, lora_config(config.lora));
}

}  // namespace

ModelStart start_model(Session& session, model::HeadKind head) {
  const RunConfig& config = session.config();
  ModelStart start;
  start.info.head = head;
  start.info.config = config.model;
  start.tokenizer = config.tokenizer.path;
  if (!config.model.from.empty()) {
    start.source = find_model(config.model.from, session.context(),
                              [&](std::string_view line) { session.log().warning(line); });
    check_head(*start.source, head);
    start.info = start.source->info;
    start.info.head = head;
    start.info.config.dropout = config.model.dropout;
    if (start.tokenizer.empty()) start.tokenizer = start.source->tokenizer;
  }
  if (!start.tokenizer.empty()) {
    start.codec = std::make_unique<data::Tokenizer>(data::Tokenizer::load(start.tokenizer));
    const int64_t tokens = start.codec->vocab_size();
    take_special_ids(*start.codec, start.info);
    base::AutoInt& vocabulary = start.info.config.vocab_size;
    if (!vocabulary) vocabulary = tokens;
    if (*vocabulary < tokens) {
      throw UserError(base::kBadUsage,
                      fmt::format("model.vocab_size is {}, but the tokenizer in {} has {} tokens",
                                  *vocabulary, start.tokenizer.string(), tokens));
    }
  }
  if (!start.info.config.vocab_size) {
    throw UserError(base::kBadUsage,
                    "model.vocab_size is auto, and there is no tokenizer: set tokenizer.path or "
                    "model.vocab_size");
  }
  check_adapters(config, start.info.config);
  check_model_fits(config, start.info.config, session.context().layout());
  return start;
}

EngineOptions engine_options(const RunConfig& config, double noise) {
  EngineOptions options;
  options.noise = noise;
  options.schedule = config.parallel.schedule;
  options.seed = static_cast<uint64_t>(config.run.seed);
  if (config.memory.recompute == "selective") options.recompute = model::Recompute::kSelective;
  if (config.memory.recompute == "full") options.recompute = model::Recompute::kFull;
  return options;
}

void load_start(const ModelStart& start, model::Decoder& decoder) {
  if (start.source) load_source(*start.source, decoder);
}

int64_t steps_of(const RunConfig& config, const data::SampleStream& train, int64_t global_batch) {
  if (config.run.steps > 0) return config.run.steps;
  if (config.run.epochs > 0) return data::steps_of_epochs(train, config.run.epochs, global_batch);
  throw UserError(base::kBadUsage,
                  "run.steps: say how long to train: run.steps or run.epochs must be above 0");
}

void check_sequence(const RunConfig& config, const model::ModelConfig& model) {
  if (config.batch.sequence <= model.context) return;
  throw UserError(base::kBadUsage,
                  fmt::format("batch.sequence is {}, longer than model.context = {}",
                              config.batch.sequence, model.context));
}

void check_steps_fit(Session& session, const model::ModelConfig& model) {
  const parallel::MeshLayout& layout = session.context().layout();
  check_sequence(session.config(), model);
  check_rows_fit(session.config(), layout);
  schedule_of_step(session.config(), layout, session.config().batch.global);
}

void describe_model(Session& session, const HeldModel& model) {
  const model::ModelConfig& config = model.info.config;
  session.log().info(
      fmt::format("model: {}, {} layers, width {}, {} heads, vocabulary {}: {} parameters",
                  config.architecture, config.layers, config.width, config.heads,
                  config.vocabulary(), model::parameter_count(config, model.info.head)));
  session.log().detail(session.context().layout().table());
}

}  // namespace strata::trainer
