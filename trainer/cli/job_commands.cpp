// The training jobs from the command line: config in, run folder out.
#include "trainer/cli/command.h"
#include "trainer/cli/commands.h"
#include "trainer/config/load.h"
#include "trainer/jobs/jobs.h"
#include "trainer/session/session.h"
#include "trainer/session/stop_request.h"

namespace strata::trainer {
namespace {

void run_job(const Invocation& call, std::string_view name, void (*job)(Session&)) {
  const StopRequest stop;  // from here on: reading the rows may take long
  Session session(call.world, call.log,
                  load_run(call.args.positional()[0], call.args.overrides(), name), &stop);
  job(session);
}

}  // namespace

void pretrain_command(const Invocation& call) { run_job(call, "pretrain", run_pretrain); }
void sft_command(const Invocation& call) { run_job(call, "sft", run_sft); }
void reward_command(const Invocation& call) { run_job(call, "reward", run_reward); }
void dpo_command(const Invocation& call) { run_job(call, "dpo", run_dpo); }
void ppo_command(const Invocation& call) { run_job(call, "ppo", run_ppo); }
void grpo_command(const Invocation& call) { run_job(call, "grpo", run_grpo); }

void eval_command(const Invocation& call) {
  const bool as_json = call.args.has("json");
  Session session(call.world, call.log,
                  load_run(call.args.positional()[0], call.args.overrides(), "pretrain"));
  run_eval(session, as_json);
}

}  // namespace strata::trainer
