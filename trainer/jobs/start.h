// What training jobs share at their start: tokenizer and model as the config names them, and the
// checks that tie model, data and steps together.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "data/sample_stream.h"
#include "data/tokenizer/tokenizer.h"
#include "trainer/engine/engine.h"
#include "trainer/models/held_model.h"
#include "trainer/models/source.h"

namespace strata::trainer {

class Session;
struct RunConfig;

struct ModelStart {
  model::FolderInfo info;                  ///< sizes resolved, special ids from the tokenizer
  std::optional<ModelSource> source;       ///< weights to start from (model.from); none: fresh ones
  std::filesystem::path tokenizer;         ///< of the config, else of the source; empty: none
  std::unique_ptr<data::Tokenizer> codec;  ///< that tokenizer; null: none
};

/// Reads the tokenizer and the model that the config asks for. UserError (kBadUsage) where one is
/// missing or they do not fit each other. Collective.
ModelStart start_model(Session& session, model::HeadKind head);
/// How a step runs through a model, as the config says.
EngineOptions engine_options(const RunConfig& config, double noise = 0);
/// Fills the weights from model.from, if it is set.
void load_start(const ModelStart& start, model::Decoder& decoder);

/// run.steps, or what run.epochs come to. UserError (kBadUsage) where neither is set.
int64_t steps_of(const RunConfig& config, const data::SampleStream& train, int64_t global_batch);
/// UserError (kBadUsage) where batch.sequence is longer than model.context.
void check_sequence(const RunConfig& config, const model::ModelConfig& model);
/// Whether a step's rows, their length and the schedule fit model and ranks: for jobs that train on
/// given rows, before their folder is made. UserError (kBadUsage).
void check_steps_fit(Session& session, const model::ModelConfig& model);
/// Architecture, parameters and layout, in the log.
void describe_model(Session& session, const HeldModel& model);

}  // namespace strata::trainer
