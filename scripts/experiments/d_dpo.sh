#!/usr/bin/env bash
# Direct preference optimisation against its closed form: d_dpo.sh [SEED]
#
# Pairs of words from a uniform reference are judged by Bradley and Terry's rule with the reward
# s = ln(7)/2 per letter a. The policy that dpo is to find is reference x exp(s / beta): with beta
# 0.5 every letter is an a with probability 1/2, so 6.00 of twelve, with beta 1 sqrt(7) / (sqrt(7) +
# 7), so 3.29. Before the first step policy and reference are the same, and the loss is ln 2; at the
# end the margin of a pair is s for every letter a that the better word has more. The relatives
# (ipo, kto) are asked for the direction alone; control: with chosen and rejected exchanged letters
# a become rare. SHORT leaves relatives and control out. STEPS (400) shortens it.
#
# All pairs have twelve letters and an end, so they say nothing on where an answer ends, and what
# moves there moves unopposed: with large steps the policy ends early while the margins are right.
# Hence the small learning rate, and the count among answers that kept their form beside that of
# all.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/letters.sh"
steps=${STEPS:-400}

letters_tokenizer
letters_reference 300

random_words $((2 * 64 * steps)) "$seed" | awk -v seed="$seed" '
  BEGIN { srand(seed + 1000) }
  { word[NR % 2] = $1 }
  NR % 2 == 0 {
    first = word[1]; second = word[0]
    a = gsub(/a/, "a", first); b = gsub(/a/, "a", second)
    if (rand() < 1 / (1 + exp(-log(7) / 2 * (a - b)))) print first, second
    else print second, first
  }' > judged.txt
# pairs CHOSEN REJECTED: the numbers of their columns.
pairs() {
  awk -v chosen="$1" -v rejected="$2" '{
    printf "{\"prompt\": \">\", \"chosen\": \"%s\", \"rejected\": \"%s\"}\n", $chosen, $rejected
  }' judged.txt
}
pairs 1 2 > pairs.jsonl
pairs 2 1 > exchanged.jsonl
awk '{
  row = "{\"prompt\": \">\", \"completion\": \"%s\", \"label\": %s}\n"
  printf row row, $1, "true", $2, "false"
}' judged.txt > labelled.jsonl

# optimise NAME STEPS ROWS KEY=VALUE...
optimise() {
  cat > dpo.yaml <<YAML
tokenizer: {path: tokenizer}
precision: {compute: fp32}
parallel: {zero: 0}
run: {dir: $1, steps: $2, seed: $seed}
model: {from: reference/model}
data: {train: [{path: $3}]}
batch: {global: 64, micro: 64, sequence: 16}
optimizer: {lr: 5.0e-4, min_lr: 0, weight_decay: 0, warmup: 10}
eval: {every: 0}
checkpoint: {every: 0}
log: {every: 1, tensorboard: false}
YAML
  "$STRATA" dpo dpo.yaml --quiet "${@:4}"
}

# worth RUN: the reward per letter a that the margins of the last 40 steps speak of.
more=$(awk '{ sum += gsub(/a/, "", $1) - gsub(/a/, "", $2) } END { print sum / NR }' judged.txt)
worth() {
  awk -v margin="$(mean_of "$1" margin 40)" -v more="$more" 'BEGIN { printf "%.3f", margin / more }'
}

within "letters a of the reference" "$(mean_count reference/model 512)" 1.2 1.8
optimise half "$steps" pairs.jsonl dpo.beta=0.5
within "loss at step 1, beta 0.5" "$(first_of half loss)" 0.693146 0.693149
within "reward per letter a, beta 0.5" "$(worth half)" 0.87 1.07
within "letters a, beta 0.5" "$(mean_count half/model 1024)" 5.5 6.5
within "letters a of whole answers, beta 0.5" "$(whole_count)" 5.5 6.5
optimise one "$steps" pairs.jsonl dpo.beta=1
within "reward per letter a, beta 1" "$(worth one)" 0.87 1.07
within "letters a, beta 1" "$(mean_count one/model 1024)" 2.79 3.79
within "letters a of whole answers, beta 1" "$(whole_count)" 2.79 3.79
if [ -z "${SHORT:-}" ]; then
  optimise exchanged 150 exchanged.jsonl dpo.beta=0.5
  within "letters a, exchanged" "$(mean_count exchanged/model 512)" 0 1
  optimise ipo 150 pairs.jsonl dpo.loss=ipo dpo.beta=0.5
  within "letters a, ipo" "$(mean_count ipo/model 512)" 2 12
  optimise kto 150 labelled.jsonl dpo.loss=kto dpo.beta=0.5
  within "letters a, kto" "$(mean_count kto/model 512)" 2 12
fi
verdict
