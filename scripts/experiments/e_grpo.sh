#!/usr/bin/env bash
# e_grpo.sh [SEED] [ESTIMATOR...]: verifiable rewards. A model that learnt to reverse four digits
# from demonstrations of which every second is wrong answers right about half of the time when it
# samples, and nearly always when it is greedy; GRPO and RLOO against exact match lift the sampled
# accuracy to 0.95. ESTIMATOR: grpo, rloo, dr_grpo; grpo and rloo by default.
. "$(dirname "$0")/common.sh"
seed=${1:-1}
estimators=("${@:2}")
[ ${#estimators[@]} -gt 0 ] || estimators=(grpo rloo)

rm -rf "$work" && mkdir -p "$work" && cd "$work"
echo "0123456789>" > digits.txt
"$strata" tokenizer train /dev/stdin --quiet > /dev/null <<YAML
tokenizer: {out: tokenizer, train: {files: [digits.txt], vocab_size: 258, special: ["<|end|>"]}}
YAML
awk -v seed="$seed" '
  function digits(  s, i) { s = ""; for (i = 0; i < 4; i++) s = s int(10 * rand()); return s }
  function reversed(s) { return substr(s,4,1) substr(s,3,1) substr(s,2,1) substr(s,1,1) }
  BEGIN { srand(seed)
    for (r = 0; r < 20000; r++) { q = digits()
      printf "{\"prompt\": \"%s>\", \"completion\": \"%s\"}\n", q,
             rand() < 0.5 ? digits() : reversed(q) > "sft.jsonl" }
    for (r = 0; r < 4000; r++) { q = digits()
      printf "{\"prompt\": \"%s>\", \"answer\": \"%s\"}\n", q, reversed(q) > "prompts.jsonl" }
    for (r = 0; r < 256; r++) { q = digits()
      printf "{\"prompt\": \"%s>\", \"answer\": \"%s\"}\n", q, reversed(q) > "held_out.jsonl" } }'

begin=$SECONDS
"$strata" sft /dev/stdin --quiet <<YAML
run: {dir: sft, seed: $seed, steps: 1500}
model: $tiny_model}
tokenizer: {path: tokenizer}
data: {train: [{path: sft.jsonl}]}
batch: {global: 64, micro: 64, sequence: 16}
sft: {packing: false}
optimizer: {lr: 3.0e-3, min_lr: 1.0e-4, warmup: 20, weight_decay: 0}
precision: {compute: fp32}
log: {tensorboard: false}
YAML
echo "fine-tuned, seed $seed ($((SECONDS - begin)) s)"

cat > grpo.yaml <<YAML
run: {seed: $seed, steps: 120}
model: {from: sft}
data: {train: [{path: prompts.jsonl}], eval: [{path: held_out.jsonl}]}
batch: {global: 256, micro: 64, sequence: 16}
generation: {max_new_tokens: 8}
optimizer: {lr: 1.0e-3, min_lr: 1.0e-3, warmup: 1, schedule: constant, eps: 1.0e-5, weight_decay: 0}
grpo: {group: 8, prompts: 32}
rewards: [{function: exact_match, field: answer}]
precision: {compute: fp32}
checkpoint: {every: 0}
eval: {every: 120, batches: 1}
log: {every: 1, tensorboard: false}
YAML

for estimator in "${estimators[@]}"; do
  run=grpo_$estimator begin=$SECONDS
  "$strata" grpo grpo.yaml --quiet run.dir="$run" grpo.estimator="$estimator"
  echo "$estimator, seed $seed ($((SECONDS - begin)) s):"
  within "sampled accuracy before" "$(first_of "$run" objective/scores)" 0.45 0.15
  at_least "sampled accuracy, last 10 steps" "$(mean_of "$run" objective/scores 10)" 0.95
  at_least "sampled accuracy, held out" "$(values_of "$run" eval/scores | tail -1)" 0.95
  at_least "greedy accuracy, held out" "$(values_of "$run" eval/greedy_scores | tail -1)" 0.98
  echo "  groups of equal rewards: $(first_of "$run" frac_reward_zero_std) ->" \
       "$(mean_of "$run" frac_reward_zero_std 10)"
done
verdict
