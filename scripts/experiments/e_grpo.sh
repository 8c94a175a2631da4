#!/usr/bin/env bash
# Verifiable rewards: e_grpo.sh [SEED] [CASE...]
#
# A model learns to reverse four digits from demonstrations of which every second is wrong: it is
# right about half of the time when it samples, and nearly always when it is greedy. GRPO and RLOO
# against exact match lift the sampled accuracy to 0.95. CASE: an estimator (grpo, rloo, dr_grpo) or
# grpo on two ranks (tensor, pipeline, data); grpo and rloo by default.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/letters.sh"
. "$here/online.sh"
cases=("${@:2}")
[ ${#cases[@]} -gt 0 ] || cases=(grpo rloo)

letters_tokenizer
awk -v seed="$seed" '
  function digits(  s, i) { s = ""; for (i = 0; i < 4; i++) s = s int(10 * rand()); return s }
  function reversed(s) { return substr(s,4,1) substr(s,3,1) substr(s,2,1) substr(s,1,1) }
  function ask(file,  q) { q = digits()
    printf "{\"prompt\": \"%s>\", \"answer\": \"%s\"}\n", q, reversed(q) > file }
  BEGIN { srand(seed)
    for (r = 0; r < 40000; r++) { q = digits()
      printf "{\"prompt\": \"%s>\", \"completion\": \"%s\"}\n", q,
             rand() < 0.5 ? digits() : reversed(q) > "demonstrations.jsonl" }
    for (r = 0; r < 4000; r++) ask("prompts.jsonl")
    for (r = 0; r < 256; r++) ask("held_out.jsonl") }'
begin=$SECONDS
fine_tune sft demonstrations.jsonl "${SFT_STEPS:-1500}" optimizer.lr=1e-3
say "seed $seed: fine-tuned in $((SECONDS - begin)) s"

cat > grpo.yaml <<YAML
$online_settings
run: {seed: $seed, steps: 160}
model: {from: sft}
data: {train: [{path: prompts.jsonl}], eval: [{path: held_out.jsonl}]}
batch: {global: 256, micro: 64, sequence: 16}
generation: {max_new_tokens: 6}
optimizer: {lr: 1.0e-3, min_lr: 1.0e-4, warmup: 10, schedule: linear, weight_decay: 0}
grpo: {group: 8, prompts: 32}
rewards: [{function: exact_match, field: answer}]
eval: {every: 160, batches: 1}
YAML
for case in "${cases[@]}"; do
  begin=$SECONDS run=grpo_$case
  case $case in
    tensor | pipeline | data) count=2 keys=("parallel.$case=2") ;;
    *) count=1 keys=("grpo.estimator=$case") ;;
  esac
  ranks "$count" grpo grpo.yaml --quiet run.dir="$run" "${keys[@]}"
  say "seed $seed, $case, $((SECONDS - begin)) s"
  within "  sampled accuracy before" "$(first_of "$run" objective/scores)" 0.3 0.6
  within "  sampled accuracy, last 10 steps" "$(mean_of "$run" objective/scores 10)" 0.95 1
  within "  sampled accuracy, held out" "$(values_of "$run" eval/scores | tail -n 1)" 0.93 1
  within "  greedy accuracy, held out" "$(values_of "$run" eval/greedy_scores | tail -n 1)" 0.97 1
  say "  groups of equal rewards: $(first_of "$run" frac_reward_zero_std) ->" \
      "$(mean_of "$run" frac_reward_zero_std 10)"
done
verdict
