# Sourced by the command-line tests: a small pretraining run on ids, and ways to look at what it
# left. Gives: tiny_config DIR (writes tiny.yaml), losses RUN, expect_code CODE COMMAND..., fail
# MESSAGE.

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# Rows of token ids with something to learn: each is an arithmetic progression modulo 61.
tiny_rows() {
  awk 'BEGIN { for (r = 0; r < 96; r++) { printf "{\"input_ids\": ["; for (i = 0; i < 33; i++) printf "%s%d", i ? ", " : "", (r * 7 + i * (r % 5 + 1)) % 61; print "]}" } }'
}

# Questions about those progressions: four numbers, the fifth as `answer` and as the second of two
# `choices` (`right` is its number).
tiny_questions() {
  awk 'BEGIN { for (r = 0; r < 24; r++) {
    s = r % 5 + 1
    printf "{\"input_ids\": ["
    for (i = 0; i < 4; i++) printf "%s%d", i ? ", " : "", (r * 7 + i * s) % 61
    next_one = (r * 7 + 4 * s) % 61
    printf "], \"answer\": [%d], \"choices\": [[%d], [%d]], \"right\": 1}\n", next_one, (r * 7 + 30) % 61, next_one
  } }'
}

tiny_config() {
  tiny_rows > rows.jsonl
  cat > tiny.yaml <<YAML
run: {dir: run, steps: 12}
model: {architecture: llama, layers: 4, width: 32, heads: 4, kv_heads: 2, context: 32, vocab_size: 61}
data: {train: [{path: rows.jsonl}], eval: [{path: rows.jsonl}], too_long: truncate}
batch: {global: 12, micro: 12, sequence: 32}
optimizer: {lr: 3.0e-3, warmup: 2}
precision: {compute: fp32}
eval: {every: 4, batches: 2}
checkpoint: {every: 4}
log: {every: 1, tensorboard: false}
YAML
}

# step and loss of every row, then the evaluations.
losses() { sed -E 's/.*"step":([0-9]+),"loss":([-+0-9.e]+),.*"?grad_norm":([-+0-9.e]+).*/\1 \2 \3/' "$1/metrics.jsonl"; }

# compare_losses A B TOLERANCE
compare_losses() {
  [ "$(losses "$1" | wc -l)" -gt 0 ] || fail "$1 has no metrics"
  paste -d' ' <(losses "$1") <(losses "$2") | awk -v tolerance="$3" -v names="$1 $2" '
    NF != 6 || $1 != $4 { print names ": rows differ: " $0; bad = 1; exit }
    function off(a, b) { d = a - b; return d < 0 ? -d : d }
    off($2, $5) > tolerance || off($3, $6) > 10 * tolerance { print names ": step " $1 ": " $2 " " $3 " against " $5 " " $6; bad = 1 }
    END { exit bad }' || fail "$1 and $2 differ by more than $3"
}

expect_code() {
  local wanted=$1 got=0
  shift
  "$@" > output.txt 2>&1 || got=$?
  [ "$got" -eq "$wanted" ] || { cat output.txt >&2; fail "exit $got instead of $wanted: $*"; }
}

expect_text() { grep -qF -- "$1" output.txt || { cat output.txt >&2; fail "no '$1' in the output"; }; }
