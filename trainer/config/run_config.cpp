#include "trainer/config/run_config.h"

namespace strata::trainer {

void RunConfig::fields(base::Fields& f) {
  f.section("run", run, "The run: its folder, its length, its device.");
  f.section("model", model,
            "What is trained: an architecture and its sizes, or weights to start from.");
  f.section("tokenizer", tokenizer, "The tokenizer to use, or to train.");
  f.section("data", data, "What is trained and evaluated on.");
  f.section("prepare", prepare, "What `strata data prepare` turns into token shards.");
  f.section("batch", batch, "How many sequences a step and a pass take.");
  f.section("optimizer", optimizer, "AdamW and its learning rate.");
  f.section("parallel", parallel, "How the model and the data are cut over the ranks.");
  f.section("precision", precision, "Number types.");
  f.section("memory", memory, "Memory against time.");
  f.section("eval", eval, "Evaluation while training, and what `strata eval` measures.");
  f.section("checkpoint", checkpoint, "When the state is saved and what is kept.");
  f.section("log", log, "Log lines, metrics and traces.");
  f.section("lora", lora, "Low-rank adapters instead of whole weights.");
  f.section("generation", generation, "How answers are sampled.");
  f.section("sft", sft, "Supervised fine-tuning.");
  f.section("reward", reward, "Training of a reward model.");
  f.section("ppo", ppo, "Proximal policy optimisation; a step is one rollout and its passes.");
  f.section("dpo", dpo, "Direct preference optimisation and its relatives.");
  f.section("grpo", grpo, "Group-relative policy optimisation.");
  f.list("rewards", rewards, "What ppo and grpo are rewarded by; weighted and summed.");
  f.list("watch", watch, "Rewards that are logged as watch/NAME and never trained on.");
}

void RunConfig::check(base::Problems& problems) const {
  if (run.steps > 0 && run.epochs > 0)
    problems.add("run.epochs", "run.steps and run.epochs are both given; one of them must be 0");
  if (log.profile.size() != 0 && (log.profile.size() != 2 || log.profile[0] > log.profile[1])) {
    problems.add("log.profile", "expected [first, last] with first <= last");
  }
  if (checkpoint.keep_best && (eval.every == 0 || checkpoint.every % eval.every != 0)) {
    problems.add("checkpoint.keep_best",
                 "needs an evaluation at each checkpoint: checkpoint.every must be a multiple of "
                 "eval.every");
  }
  model.check(problems);
  optimizer.check(problems);
  parallel.check(problems);
  check_reward(reward, problems);
  check_dpo(dpo, problems);
  check_ppo(ppo, problems);
  check_rewards("rewards", rewards, problems);
  check_rewards("watch", watch, problems);
}

}  // namespace strata::trainer
