// strata check: what a config comes to, before anything is started.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/log.h"
#include "data/tokenizer/tokenizer.h"
#include "parallel/comm/world.h"
#include "parallel/mesh/context.h"
#include "parallel/pipeline/schedule.h"
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/config/load.h"
#include "trainer/models/source.h"
#include "trainer/plan/fit.h"
#include "trainer/plan/memory.h"

namespace strata::trainer {
namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;

/// The model that a job would train: the one in model.from, or one of the config's sizes with the
/// tokenizer's vocabulary. Nothing where model.from is not there yet.
std::optional<model::ModelConfig> model_of(const Invocation& call, const RunConfig& config) {
  model::ModelConfig model = config.model;
  if (!model.from.empty()) {
    if (!std::filesystem::exists(model.from)) {
      call.log.warning(fmt::format("model.from: {} is not there yet", model.from));
      return {};
    }
    const parallel::ParallelContext alone(parallel::make_self(), parallel::resolve_layout({}, 1));
    model = find_model(model.from, alone, [&](std::string_view line) {
              call.log.warning(line);
            }).info.config;
  }
  if (!model.vocab_size && !config.tokenizer.path.empty() &&
      std::filesystem::exists(config.tokenizer.path)) {
    model.vocab_size = data::Tokenizer::load(config.tokenizer.path).vocab_size();
  }
  return model;
}

/// What an optimizer step works on.
struct StepRows {
  int64_t rows = 0;     ///< of an update
  int64_t sampled = 0;  ///< answers that a step of ppo or grpo samples; 0: rows are given
};

/// Configs do not say whose they are: those of ppo and grpo have rewards.
StepRows rows_of_step(const LoadedRun& run) {
  const RunConfig& config = run.config;
  if (config.rewards.empty()) return {config.batch.global, 0};
  if (run.sources.is_set("grpo")) {
    const int64_t answers = config.grpo.prompts * config.grpo.group;
    return {answers, answers};
  }
  return {config.ppo.rollouts / config.ppo.minibatches, config.ppo.rollouts};
}

/// What `strata check` finds out; model: nothing where it is not known yet.
struct Plan {
  int ranks;
  parallel::MeshLayout layout;
  StepRows step;
  parallel::Schedule schedule;
  parallel::ScheduleFacts facts;
  std::optional<model::ModelConfig> model;
};

Plan plan_of(const Invocation& call, const LoadedRun& run) {
  const RunConfig& config = run.config;
  const auto ranks = static_cast<int>(call.args.number("ranks").value_or(call.world.size()));
  if (ranks < 1) throw base::UserError(base::kBadUsage, "--ranks is at least 1");
  const parallel::MeshLayout layout = parallel::resolve_layout(config.parallel, ranks);
  StepRows step = rows_of_step(run);
  if (step.sampled == 0) {
    check_rows_fit(config, layout);
  } else if (config.parallel.chunks > 1) {  // they fill up with padding
    const int64_t group = config.batch.micro * layout.data() * layout.pipeline();
    step.rows = (step.rows + group - 1) / group * group;
  }
  parallel::Schedule schedule = schedule_of_step(config, layout, step.rows);
  parallel::ScheduleFacts facts = parallel::check(parallel::lower(schedule));
  std::optional<model::ModelConfig> model = model_of(call, config);
  if (model) check_model_fits(config, *model, layout);
  if (model && !model->vocab_size) model.reset();
  return {ranks, layout, step, std::move(schedule), std::move(facts), std::move(model)};
}

base::Json as_json(const Plan& plan, const RunConfig& config) {
  base::Json answer;
  answer["ranks"] = plan.ranks;
  answer["layout"] = plan.layout.summary();
  answer["micro_batches"] = plan.schedule.shape.microbatches;
  const int64_t tokens = config.batch.global * config.batch.sequence;
  if (plan.step.sampled > 0) {
    answer["answers_per_step"] = plan.step.sampled;
  } else {
    answer["tokens_per_step"] = tokens;
    answer["tokens"] = tokens * config.run.steps;
  }
  answer["bubble"] = plan.facts.bubble;
  answer["peak_in_flight"] = plan.facts.peak_in_flight;
  if (!plan.model) return answer;
  answer["parameters"] = model::parameter_count(*plan.model);
  if (plan.step.sampled == 0) {
    answer["flops_per_step"] =
        model::flops_per_token(*plan.model, config.batch.sequence) * static_cast<double>(tokens);
  }
  const MemoryEstimate memory =
      estimate_memory(config, *plan.model, plan.layout, plan.facts.peak_in_flight.front());
  answer["memory_gib"] = {{"parameters", memory.parameters / kGib},
                          {"gradients", memory.gradients / kGib},
                          {"optimizer", memory.optimizer / kGib},
                          {"activations", memory.activations / kGib},
                          {"rank", memory.total() / kGib}};
  return answer;
}

void print(const Plan& plan, const RunConfig& config, const base::Json& answer) {
  const auto& shape = plan.schedule.shape;
  fmt::print("layout             {}, {} micro-batches {}, bubble {:.1f}%\n", plan.layout.summary(),
             shape.microbatches, plan.step.sampled > 0 ? "an update" : "a step",
             100 * plan.facts.bubble);
  if (plan.layout.pipeline() > 1) {
    fmt::print("{}", parallel::table(plan.schedule));
    fmt::print("kept at once       {} micro-batches on stages 0 to {}{}\n",
               fmt::join(plan.facts.peak_in_flight, ", "), plan.layout.pipeline() - 1,
               shape.chunks_per_stage > 1 ? " (each chunk counts)" : "");
  }
  if (plan.step.sampled > 0) {
    fmt::print("answers            {} a step\n", plan.step.sampled);
  } else {
    fmt::print("tokens             {} a step, {} in all\n",
               answer["tokens_per_step"].get<int64_t>(),
               config.run.steps > 0 ? base::format_count(answer["tokens"].get<double>())
                                    : "as run.epochs says");
  }
  if (!plan.model) {
    fmt::print("parameters         known when {} is there\n",
               config.model.from.empty() ? "the tokenizer" : "model.from");
    return;
  }
  fmt::print("parameters         {}\n", answer["parameters"].get<int64_t>());
  fmt::print("memory per rank    about {:.2f} GiB:", answer["memory_gib"]["rank"].get<double>());
  for (const char* part : {"parameters", "gradients", "optimizer", "activations"}) {
    fmt::print(" {} {:.2f}", part, answer["memory_gib"][part].get<double>());
  }
  fmt::print("\n");
}

}  // namespace

void check_command(const Invocation& call) {
  const LoadedRun run = load_run(call.args.positional()[0], call.args.overrides(), "pretrain");
  const Plan plan = plan_of(call, run);
  if (!call.is_main_rank()) return;
  const base::Json answer = as_json(plan, run.config);
  if (call.args.has("json")) {
    fmt::print("{}", base::pretty_json(answer));
    return;
  }
  fmt::print("{}\n", dump_run_with_sources(run));
  print(plan, run.config, answer);
}

}  // namespace strata::trainer
