# Sourced by the command-line tests of reward, dpo and adapters, after tiny_run.sh: a tokenizer,
# judged answers of every kind in words of eight letters, and a model to start from.
# Gives: preferences_config (writes tiny.yaml and base), job NAME RANKS JOB KEY=VALUE...,
# going_on NAME JOB KEY=VALUE...

# rows_of COUNT FORMAT ARGUMENTS: JSONL by awk's printf; word(n) is a word, i the row's number.
rows_of() {
  awk 'function word(n, i, w) {
      w = ""
      for (i = 0; i < 3 + n % 5; i++) w = w substr("abcdefgh", 1 + (n * 7 + i * (n % 3 + 1)) % 8, 1)
      return w
    }
    BEGIN { for (i = 0; i < '"$1"'; i++) printf "'"${2//\"/\\\"}"'\n", '"$3"' }'
}

preferences_config() {
  awk 'BEGIN { for (i = 0; i < 50; i++) print "what is the colour of a small red fox" }' > text.txt
  cat > tokenizer.yaml <<'YAML'
tokenizer:
  out: tokenizer
  train: {files: [text.txt], vocab_size: 270, end: "<|end|>", pad: "<|pad|>"}
YAML
  "$STRATA" tokenizer train tokenizer.yaml --quiet
  local pair='{"prompt": "what %d", "chosen": "%s", "rejected": "%s", '
  pair+='"margin": %.1f, "weight": %.1f, "tie": %s}'
  rows_of 48 "$pair" 'i, word(i), word(i + 31), i % 3 / 10, 1 + i % 2,
    i % 7 == 3 ? "true" : "false"' > pairs.jsonl
  rows_of 36 '{"prompt": "rank %d", "answers": ["%s", "%s", "%s"], "ranks": [%d, %d, 2]}' \
    'i, word(i), word(i + 11), word(i + 23), 1 + i % 2, 1 + i % 3' > rankings.jsonl
  rows_of 36 '{"prompt": "rate %d", "answer": "%s", "rating": %d}' 'i, word(i), 1 + i % 5' \
    > ratings.jsonl
  rows_of 36 '{"prompt": "judge %d", "completion": "%s", "label": %s}' \
    'i, word(i), i % 3 ? "true" : "false"' > labelled.jsonl
  cat > tiny.yaml <<'YAML'
run: {dir: run, steps: 4}
model: {architecture: llama, layers: 4, width: 32, heads: 4, kv_heads: 2, context: 64}
tokenizer: {path: tokenizer}
data: {train: [{path: text.txt}]}
batch: {global: 12, micro: 12, sequence: 32}
optimizer: {lr: 3.0e-3, warmup: 2, eps: 1.0e-5}
precision: {compute: fp32}
eval: {every: 0}
checkpoint: {every: 2}
log: {every: 1, tensorboard: false}
YAML
  "$STRATA" pretrain tiny.yaml run.dir=base --quiet
}

job() {
  local name=$1 ranks=$2 what=$3
  shift 3
  local launch=()
  [ "$ranks" -eq 1 ] || launch=("$MPIRUN" "$ranks")
  "${launch[@]}" "$STRATA" "$what" tiny.yaml --quiet model.from=base "run.dir=$name" "$@"
}

# The finished run NAME, taken back to step 2 and gone on with, ends in the same weights.
going_on() {
  local name=$1
  cp -r "$name" "$name.again"
  rm -r "$name.again/checkpoints/step_00000004" "$name.again/model"
  job "$name.again" 1 "${@:2}"
  cmp "$name/model/model.safetensors" "$name.again/model/model.safetensors" ||
    fail "$name is not resumed exactly"
}
