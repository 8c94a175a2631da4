# shellcheck shell=bash
# Sourced by the experiments on letters: a world in which every answer is twelve of the letters a
# to h, so that distributions and preferences have known answers. Everything is made by awk and by
# the binary in $STRATA, else build/strata of this tree. Gives: say, within, verdict, first_of,
# values_of, mean_of, letters_tokenizer, random_words, model_of, fine_tune, letters_reference,
# mean_count, whole_count.

source_folder=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.." && pwd)
STRATA=$(realpath "${STRATA:-$source_folder/build/strata}")
seed=${1:-1}
folder=$(mktemp -d "${TMPDIR:-/tmp}/strata_letters.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit
failures=0

say() { printf '%s\n' "$*"; }

# within NAME VALUE LOW HIGH: prints it, and counts it where it is outside.
within() {
  if awk -v v="$2" -v low="$3" -v high="$4" 'BEGIN { exit !(v >= low && v <= high) }'; then
    say "$1: $2 (expected $3 to $4)"
  else
    say "$1: $2, EXPECTED $3 to $4"
    failures=$((failures + 1))
  fi
}

# verdict: the experiment's last line and its exit code.
verdict() {
  [ "$failures" -gt 0 ] || { say "seed $seed: as expected"; return 0; }
  say "seed $seed: $failures numbers outside what was expected"
  return 1
}

# values_of RUN KEY: its value in every row of RUN/metrics.jsonl that has it.
values_of() {
  awk -v key="\"$2\":" '
    { at = index($0, key); if (at == 0) next
      rest = substr($0, at + length(key)); sub(/[,}].*/, "", rest); print rest }
  ' "$1/metrics.jsonl"
}

# mean_of RUN KEY LAST: over the last rows.
mean_of() {
  values_of "$1" "$2" | tail -n "$3" |
    awk '{ s += $1 } END { if (NR == 0) print "nan"; else printf "%.4f\n", s / NR }'
}

first_of() { values_of "$1" "$2" | sed -n 1p; }

# A token for every byte, an end and a pad: letters stay letters.
letters_tokenizer() {
  awk 'BEGIN { for (i = 0; i < 200; i++) print ">abcdefgh" }' > letters.txt
  cat > tokenizer.yaml <<YAML
tokenizer:
  out: tokenizer
  train:
    files: [letters.txt]
    vocab_size: 258
    special: ["<|end|>", "<|pad|>"]
    end: "<|end|>"
    pad: "<|pad|>"
YAML
  "$STRATA" tokenizer train tokenizer.yaml --quiet
}

# random_words NUMBER SEED: words of twelve letters, each letter equally likely.
random_words() {
  awk -v n="$1" -v seed="$2" 'BEGIN {
    srand(seed)
    for (r = 0; r < n; r++) {
      word = ""
      for (i = 0; i < 12; i++) word = word substr("abcdefgh", 1 + int(8 * rand()), 1)
      print word
    }
  }'
}

# model_of LAYERS WIDTH: a small model and what all runs of one share. Letters that are drawn one by
# one need one layer; small_model is what letters_reference makes, and an experiment may set it.
model_of() {
  cat <<YAML
model: {architecture: llama, layers: $1, width: $2, heads: $(($2 / 16)), context: 32}
tokenizer: {path: tokenizer}
precision: {compute: fp32}
parallel: {zero: 0}
YAML
}
small_model=$(model_of 2 64)

# fine_tune RUN ROWS STEPS [KEY=VALUE...]: a small_model taught prompts and completions from the
# first step on.
fine_tune() {
  cat > "$1.yaml" <<YAML
$small_model
run: {dir: $1, steps: $3, seed: $seed}
data: {train: [{path: $2}]}
sft: {packing: false}
batch: {global: 64, micro: 64, sequence: 16}
optimizer: {lr: 3.0e-3, min_lr: 1.0e-4, weight_decay: 0, warmup: 20}
eval: {every: 0}
checkpoint: {every: 0}
log: {every: 50, tensorboard: false}
YAML
  "$STRATA" sft "$1.yaml" --quiet "${@:4}"
}

# letters_reference [STEPS]: a model that says twelve letters, each equally likely, and ends.
letters_reference() {
  random_words 12800 "$((seed + 100))" |
    awk '{ printf "{\"prompt\": \">\", \"completion\": \"%s\"}\n", $1 }' > reference.jsonl
  fine_tune reference reference.jsonl "${1:-200}"
}

# mean_count RUN NUMBER: the mean number of letters a in as many sampled answers.
mean_count() {
  awk -v n="$2" 'BEGIN { for (i = 0; i < n; i++) print "{\"prompt\": \">\"}" }' > prompts.jsonl
  "$STRATA" generate "$1" --data prompts.jsonl --out answers.jsonl --quiet \
    generation.max_new_tokens=14 "generation.seed=$seed" batch.global=512
  sed -E 's/.*"completion":"([^"]*)".*/\1/' answers.jsonl |
    awk '{ sum += gsub(/a/, "") } END { printf "%.3f", sum / NR }'
}

# whole_count: the same of those answers of the last mean_count that have twelve letters.
whole_count() {
  sed -E 's/.*"completion":"([^"]*)".*/\1/' answers.jsonl |
    awk 'length($0) == 12 { n++; sum += gsub(/a/, "") } END { printf "%.3f", n ? sum / n : -1 }'
}
