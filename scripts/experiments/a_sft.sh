#!/bin/bash
# a_sft.sh [SEED]: fine-tuning and its mask of trained tokens, against known answers. A small model
# learns from conversations to turn four digits round; then
#   held-out answers are exact, and end in the stop token     (both at least 0.99)
#   control 1: the same rows with the stop token untrained    exact, but never stops
#   control 2: sft.train_on: all                              loss stays at what the prompts' digits
#                                                             cost; trained answers alone reach 0
# Drives the binary alone (STRATA, else build/strata); prints the numbers, exits 1 where one is off.
# Works in a temporary folder, or in WORK where that is set. STEPS (400) shortens it.
set -euo pipefail
seed=${1:-1}
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
strata=$(realpath "${STRATA:-$here/../../build/strata}")
steps=${STEPS:-400}
work=${WORK:-$(mktemp -d)}
[[ -n ${WORK:-} ]] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work" && cd "$work"

# ---- data: every number of four digits, some held out
awk -v seed="$seed" 'BEGIN {
  srand(seed)
  for (n = 0; n < 10000; ++n) {
    q = sprintf("%04d", n); a = ""
    for (i = 4; i > 0; --i) a = a substr(q, i, 1)
    user = "{\"role\": \"user\", \"content\": \"" q "\"}"
    if (rand() < 0.05) {
      print "{\"messages\": [" user "], \"answer\": \"" a "\"}" > "heldout.jsonl"
      continue
    }
    print "{\"messages\": [" user ", {\"role\": \"assistant\", \"content\": \"" a "\"}]}" \
      > "train.jsonl"
    print "{\"text\": \"<|im_start|>user\\n" q "<|im_end|>\\n<|im_start|>assistant\\n" a \
      "<|im_end|>\\n\"}" > "texts.jsonl"
  }
}'
echo "0123456789 user assistant" > letters.txt
cat > a.yaml <<YAML
run: {steps: $steps, seed: $seed}
tokenizer:
  path: tokenizer
  out: tokenizer
  train: {files: [letters.txt], vocab_size: 260, special: ["<|im_start|>", "<|im_end|>"]}
model: {layers: 2, width: 64, heads: 4, ffn: 172, context: 64}
data: {train: [{path: train.jsonl}]}
batch: {global: 64, micro: 64, sequence: 32}
optimizer: {lr: 1.5e-3, min_lr: 3.0e-5, warmup: 40}
sft: {template: chatml, packing: false}
precision: {compute: fp32}
checkpoint: {every: 0}
log: {every: 20, tensorboard: false}
YAML
"$strata" tokenizer train a.yaml --quiet

# ---- the same rows as ids, the digits of the answer alone trained
"$strata" tokenizer encode tokenizer --data texts.jsonl --out ids.jsonl --quiet
awk '{
  gsub(/.*"input_ids": *\[/, ""); gsub(/\].*/, ""); gsub(/ /, "")
  n = split($0, id, ","); labels = ""
  for (i = 1; i <= n; ++i) {
    trained = i > n - 6 && i <= n - 2
    labels = labels (i > 1 ? "," : "") (trained ? id[i] : -100)
  }
  print "{\"input_ids\": [" $0 "], \"labels\": [" labels "]}"
}' ids.jsonl > no_stop.jsonl

# train NAME [key=value ...]: the loss of the last logged step
train() {
  local name=$1
  shift
  "$strata" sft a.yaml run.dir="$name" "$@" --quiet
  "$strata" generate "$name" --data heldout.jsonl --out "$name.jsonl" --quiet \
    generation.temperature=0 generation.max_new_tokens=12 batch.global=256
}
last_loss() { tail -1 "$1/metrics.jsonl" | sed 's/.*"loss": *\([^,}]*\).*/\1/'; }

# rate NAME: exact, begins with the answer, stopped
rate() {
  awk '{
    match($0, /"answer": *"[0-9]*"/); split(substr($0, RSTART, RLENGTH), a, "\"")
    match($0, /"completion": *"[^"]*"/); split(substr($0, RSTART, RLENGTH), c, "\"")
    exact += c[4] == a[4]; begins += index(c[4], a[4]) == 1
    stopped += $0 ~ /"finish": *"stop"/
  } END { printf "%.4f %.4f %.4f\n", exact / NR, begins / NR, stopped / NR }' "$1.jsonl"
}

train answers
train no_stop data.train=no_stop.jsonl
train all sft.train_on=all
read -r exact _ stops < <(rate answers)
read -r _ begins unstopped < <(rate no_stop)
answer_loss=$(last_loss answers) all_loss=$(last_loss all)
printf 'seed %s: exact %s, stop rate %s, loss %.4f\n' "$seed" "$exact" "$stops" "$answer_loss"
printf '  stop token untrained: begins right %s, stop rate %s\n' "$begins" "$unstopped"
printf '  prompts trained too: loss %.4f\n' "$all_loss"
awk -v exact="$exact" -v stops="$stops" -v begins="$begins" -v unstopped="$unstopped" \
  -v answers="$answer_loss" -v all="$all_loss" 'BEGIN {
  ok = exact >= .99 && stops >= .99 && begins >= .99 && unstopped == 0 && answers < .05 && all > .2
  if (!ok) print "out of tolerance"
  exit !ok
}'
