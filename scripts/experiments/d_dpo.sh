#!/usr/bin/env bash
# Direct preference optimisation against its closed form: d_dpo.sh [SEED]
#
# Pairs of words from a uniform reference are judged by Bradley and Terry's rule with the reward
# s = ln(7)/2 per letter a. The policy that dpo is to find is reference x exp(s / beta): with beta
# 0.5 every letter is an a with probability 1/2, so 6.00 of twelve, with beta 1 sqrt(7) / (sqrt(7) +
# 7), so 3.29. Before the first step policy and reference are the same, and the loss is ln 2. The
# relatives (ipo, kto) are asked for the direction alone.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/letters.sh"
steps=${STEPS:-400}

letters_tokenizer
letters_reference
random_words $((2 * 64 * steps)) "$seed" | awk -v seed="$seed" '
  BEGIN { srand(seed + 1000) }
  { word[NR % 2] = $1 }
  NR % 2 == 0 {
    first = word[1]; second = word[0]
    a = gsub(/a/, "a", first); b = gsub(/a/, "a", second)
    wins = rand() < 1 / (1 + exp(-log(7) / 2 * (a - b)))
    printf "{\"prompt\": \">\", \"chosen\": \"%s\", \"rejected\": \"%s\"}\n", wins ? first : second, wins ? second : first
  }' > pairs.jsonl
awk '{ good = bad = $0
       gsub(/"chosen"/, "\"completion\"", good); sub(/, "rejected": "[a-h]*"/, ", \"label\": true", good)
       sub(/"chosen": "[a-h]*", /, "", bad); sub(/"rejected": ("[a-h]*")/, "\"label\": false, &", bad); gsub(/"rejected"/, "\"completion\"", bad)
       print good; print bad }' pairs.jsonl > labelled.jsonl

# optimise NAME ROWS KEY=VALUE...
optimise() {
  local name=$1 rows=$2
  shift 2
  cat > dpo.yaml <<YAML
tokenizer: {path: tokenizer}
precision: {compute: fp32}
parallel: {zero: 0}
run: {dir: $name, steps: $steps, seed: $seed}
model: {from: reference/model}
data: {train: [{path: $rows}]}
batch: {global: 64, micro: 64, sequence: 16}
optimizer: {lr: 1.0e-3, min_lr: 1.0e-5, weight_decay: 0, warmup: 10, eps: 1.0e-5}
eval: {every: 0}
checkpoint: {every: 0}
log: {every: 50, tensorboard: false}
YAML
  "$STRATA" dpo dpo.yaml --quiet "$@"
}

before=$(mean_count reference/model 512)
within "letters a of the reference" "$before" 1.2 1.8

optimise half pairs.jsonl dpo.beta=0.5
within "loss at step 1, beta 0.5" "$(metric half 1 loss)" 0.693146 0.693149
within "letters a, beta 0.5" "$(mean_count half/model 512)" 5.4 6.6
optimise one pairs.jsonl dpo.beta=1
within "letters a, beta 1" "$(mean_count one/model 512)" 2.9 3.7
if [ -z "${SHORT:-}" ]; then
  optimise ipo pairs.jsonl dpo.loss=ipo dpo.beta=0.5
  within "letters a, ipo" "$(mean_count ipo/model 512)" 2 12
  optimise kto labelled.jsonl dpo.loss=kto dpo.beta=0.5
  within "letters a, kto" "$(mean_count kto/model 512)" 2 12
fi
[ "$failures" -eq 0 ] || { say "$failures numbers outside what was expected"; exit 1; }
