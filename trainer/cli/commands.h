// The functions behind the table of commands, by file.
#pragma once

namespace strata::trainer {

struct Invocation;

// init_command.cpp
void init_command(const Invocation& call);

// check_command.cpp
void check_command(const Invocation& call);

// completion_command.cpp
void completion_command(const Invocation& call);

// report_command.cpp
void report_command(const Invocation& call);

// config_commands.cpp
void help_command(const Invocation& call);
void env_command(const Invocation& call);

// data_commands.cpp
void tokenizer_train_command(const Invocation& call);
void tokenizer_encode_command(const Invocation& call);
void tokenizer_decode_command(const Invocation& call);
void tokenizer_info_command(const Invocation& call);
void data_prepare_command(const Invocation& call);
void data_inspect_command(const Invocation& call);
void data_verify_command(const Invocation& call);

// job_commands.cpp
void pretrain_command(const Invocation& call);
void sft_command(const Invocation& call);
void reward_command(const Invocation& call);
void dpo_command(const Invocation& call);
void ppo_command(const Invocation& call);
void grpo_command(const Invocation& call);
void eval_command(const Invocation& call);

// model_commands.cpp
void score_command(const Invocation& call);
void generate_command(const Invocation& call);
void chat_command(const Invocation& call);
void export_command(const Invocation& call);

// checkpoint_commands.cpp
void ckpt_ls_command(const Invocation& call);
void ckpt_inspect_command(const Invocation& call);
void ckpt_verify_command(const Invocation& call);
void ckpt_prune_command(const Invocation& call);

}  // namespace strata::trainer
