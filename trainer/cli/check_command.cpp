// strata check: what a config comes to, before anything is started.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "data/tokenizer/tokenizer.h"
#include "model/hf.h"
#include "parallel/comm/communicator.h"
#include "parallel/mesh/layout.h"
#include "parallel/pipeline/schedule.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/config/load.h"
#include "trainer/plan/fit.h"
#include "trainer/plan/memory.h"

namespace strata::trainer {
namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;

/// The model that a job would train: from a folder's config, or with the tokenizer's vocabulary.
model::ModelConfig model_of(const RunConfig& config) {
  model::ModelConfig model = config.model;
  if (model::is_model_folder(model.from)) model = model::read_folder_info(model.from).config;
  if (!model.vocab_size && !config.tokenizer.path.empty() &&
      std::filesystem::exists(config.tokenizer.path)) {
    model.vocab_size = data::Tokenizer::load(config.tokenizer.path).vocab_size();
  }
  return model;
}

}  // namespace

void check_command(const Invocation& call) {
  const LoadedRun run = load_run(call.args.positional()[0], call.args.overrides(), "pretrain");
  const RunConfig& config = run.config;
  const auto ranks = static_cast<int>(call.args.number("ranks").value_or(call.world.size()));
  if (ranks < 1) throw base::UserError(base::kBadUsage, "--ranks is at least 1");
  const parallel::MeshLayout layout = parallel::resolve_layout(config.parallel, ranks);
  check_rows_fit(config, layout);
  const parallel::Schedule schedule = schedule_of_step(config, layout);
  const int microbatches = schedule.shape.microbatches;
  const parallel::ScheduleFacts facts = parallel::check(parallel::lower(schedule));
  const model::ModelConfig model = model_of(config);
  check_model_fits(config, model, layout);
  if (!call.is_main_rank()) return;

  base::Json answer;
  answer["ranks"] = ranks;
  answer["layout"] = layout.summary();
  answer["micro_batches"] = microbatches;
  answer["tokens_per_step"] = config.batch.global * config.batch.sequence;
  answer["tokens"] = config.batch.global * config.batch.sequence * config.run.steps;
  answer["bubble"] = facts.bubble;
  answer["peak_in_flight"] = facts.peak_in_flight;
  if (model.vocab_size) {
    const MemoryEstimate memory =
        estimate_memory(config, model, layout, facts.peak_in_flight.front());
    answer["parameters"] = model::parameter_count(model);
    answer["flops_per_step"] = model::flops_per_token(model, config.batch.sequence) *
                               answer["tokens_per_step"].get<double>();
    answer["memory_gib"] = {{"parameters", memory.parameters / kGib},
                            {"gradients", memory.gradients / kGib},
                            {"optimizer", memory.optimizer / kGib},
                            {"activations", memory.activations / kGib},
                            {"rank", memory.total() / kGib}};
  }
  if (call.args.has("json")) {
    fmt::print("{}", base::pretty_json(answer));
    return;
  }
  fmt::print("{}\n", dump_run_with_sources(run));
  fmt::print("layout             {}, {} micro-batches a step, bubble {:.1f}%\n", layout.summary(),
             microbatches, 100 * facts.bubble);
  if (layout.pipeline() > 1) {
    fmt::print("{}", parallel::table(schedule));
    fmt::print("kept at once       {} micro-batches on stages 0 to {}{}\n",
               fmt::join(facts.peak_in_flight, ", "), layout.pipeline() - 1,
               schedule.shape.chunks_per_stage > 1 ? " (each chunk counts)" : "");
  }
  fmt::print("tokens             {} a step, {} in all\n", answer["tokens_per_step"].get<int64_t>(),
             config.run.steps > 0 ? base::format_count(answer["tokens"].get<double>())
                                  : "as run.epochs says");
  if (!model.vocab_size) {
    fmt::print("parameters         known when the tokenizer is there\n");
    return;
  }
  fmt::print("parameters         {}\n", answer["parameters"].get<int64_t>());
  fmt::print("memory per rank    about {:.2f} GiB:", answer["memory_gib"]["rank"].get<double>());
  for (const char* part : {"parameters", "gradients", "optimizer", "activations"}) {
    fmt::print(" {} {:.2f}", part, answer["memory_gib"][part].get<double>());
  }
  fmt::print("\n");
}

}  // namespace strata::trainer
