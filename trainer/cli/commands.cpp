// The table of commands. A new one is a row here and a function in one of the files that commands.h names.
#include "trainer/cli/commands.h"

#include "trainer/cli/command.h"

namespace strata::trainer {
namespace {

constexpr size_t kAny = 1000;

const Option kJson{"json", "", "The answer as JSON, for scripts."};
const Option kData{"data", "FILE", "JSONL file with a row per line (.gz and .zst too)."};
const Option kOut{"out", "FILE", "Where the answer goes."};

const std::vector<Command>& table() {
  static const std::vector<Command> rows{
      {"tokenizer train", "CONFIG [key=value ...]", "Train a byte-level BPE tokenizer", Group::kLife, 1, 1, {}, tokenizer_train_command},
      {"data prepare", "CONFIG [key=value ...]", "Turn text into token shards; several ranks share the work", Group::kLife, 1, 1, {},
       data_prepare_command},
      {"pretrain", "CONFIG [key=value ...]", "Train a language model on text", Group::kLife, 1, 1, {}, pretrain_command},


      {"generate",
       "MODEL [key=value ...]",
       "Complete a prompt, or every prompt of a file",
       Group::kUse,
       1,
       1,
       {{"prompt", "TEXT", "What to complete; else --data, else standard input."}, kData, kOut},
       generate_command},
      {"chat", "MODEL [key=value ...]", "Talk with a model", Group::kUse, 1, 1, {}, chat_command},
      {"score", "MODEL [key=value ...]", "Log-probability of each given token", Group::kUse, 1, 1, {kData, kOut}, score_command},
      {"export", "RUN OUT [key=value ...]", "Write a run or a checkpoint as a Hugging Face folder", Group::kUse, 2, 2,
       {{"dtype", "TYPE", "fp32 or bf16; the run's own by default."}}, export_command},

      {"env", "", "Versions really loaded, devices, core binding", Group::kTools, 0, 0, {kJson}, env_command},
      {"tokenizer encode", "TOKENIZER", "Text to token ids", Group::kTools, 1, 1,
       {{"text", "TEXT", "What to encode; else --data, else standard input."}, kData, kOut,
        {"special", "", "Also the tokens that a template adds."}}, tokenizer_encode_command},
      {"tokenizer decode", "TOKENIZER [ID ...]", "Token ids to text", Group::kTools, 1, kAny, {kData, kOut}, tokenizer_decode_command},
      {"tokenizer info", "TOKENIZER", "Vocabulary, patterns and special tokens", Group::kTools, 1, 1, {kJson}, tokenizer_info_command},
      {"data inspect", "PATH [key=value ...]", "Summary and decoded samples, trained tokens marked", Group::kTools, 1, 1,
       {{"samples", "N", "How many samples to show; 3 by default."}, {"tokenizer", "TOKENIZER", "Decode with this one."}, kJson},
       data_inspect_command},
      {"data verify", "PATH", "Read every byte of token shards and check it", Group::kTools, 1, 1, {kJson}, data_verify_command},
      {"ckpt ls", "RUN", "List the checkpoints of a run", Group::kTools, 1, 1, {kJson}, ckpt_ls_command},
      {"ckpt inspect", "PATH", "Tensors and state of a checkpoint", Group::kTools, 1, 1, {kJson}, ckpt_inspect_command},
      {"ckpt verify", "PATH", "Read every byte of the checkpoints and check it", Group::kTools, 1, 1, {kJson}, ckpt_verify_command},
      {"ckpt prune", "RUN [key=value ...]", "Delete checkpoints that the rules do not keep", Group::kTools, 1, 1, {kJson}, ckpt_prune_command},
      {"help", "config [SECTION]", "Every key of a config file: type, default, range", Group::kTools, 1, 2, {}, help_command},
  };
  return rows;
}

}  // namespace

std::span<const Command> commands() { return table(); }

}  // namespace strata::trainer
