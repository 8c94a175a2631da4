// The training jobs: what the YAML asks for. A new one is a file beside this one and a row of the
// table of commands.
#pragma once

namespace strata::trainer {

class Session;

/// Next-token training on text or ids. Everything that the user may have got wrong is found before
/// a folder is made. Collective.
void run_pretrain(Session& session);

/// Next-token training on the answers of prompts and the assistant's turns of conversations.
/// Collective.
void run_sft(Session& session);

/// A scalar head trained on pairs, rankings or ratings of answers. Collective.
void run_reward(Session& session);

/// Learning from pairs of answers (or good and bad ones) without sampling. Collective.
void run_dpo(Session& session);

/// Learning from the policy's own answers to prompts, several to each and judged against one
/// another. Collective.
void run_grpo(Session& session);

/// Learning from scores of the policy's own answers, held near a reference, with a critic.
/// Collective.
void run_ppo(Session& session);

/// Measures the model of model.from (else of run.dir) on data.eval and prints what it finds.
/// Collective.
void run_eval(Session& session, bool as_json);

}  // namespace strata::trainer
