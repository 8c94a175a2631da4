#!/usr/bin/env bash
# Ranks that share every sequence: the losses of one rank, whatever else is cut and whatever the
# masks say.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config

# one NAME KEYS...: what the others are compared with
one() {
  local name=$1
  shift
  "$STRATA" pretrain tiny.yaml "run.dir=$name" --quiet run.steps=6 "$@"
}
# check ONE RANKS NAME KEYS...
check() {
  local one=$1 ranks=$2 name=$3
  shift 3
  "$MPIRUN" "$ranks" "$STRATA" pretrain tiny.yaml "run.dir=$name" --quiet run.steps=6 "$@"
  compare_losses "$one" "$name" 1e-5
  echo "$name: equal"
}

one one
check one 2 context2 parallel.context=2
check one 4 context4 parallel.context=4 batch.micro=3
check one 4 tensor2_context2 parallel.context=2 parallel.tensor=2 parallel.sequence=true
check one 4 pipeline2_context2 parallel.context=2 parallel.pipeline=2 batch.micro=3 parallel.schedule=zero_bubble
check one 2 context2_zero3 parallel.context=2 parallel.zero=3 memory.recompute=full
check one 4 context2_data2 parallel.context=2 batch.micro=3

window="model.architecture=mistral model.window=7"
one window $window
check window 2 window_context2 $window parallel.context=2
check window 4 window_context4 $window parallel.context=4

dropout="model.dropout=0.1"
one dropout $dropout
check dropout 2 dropout_context2 $dropout parallel.context=2
check dropout 4 dropout_tensor2_context2 $dropout parallel.context=2 parallel.tensor=2 memory.recompute=selective

learned="model.architecture=gpt2 model.kv_heads=4"
one learned $learned
check learned 2 learned_context2 $learned parallel.context=2

# Several documents in a row, and padding behind the last.
awk 'BEGIN { for (i = 0; i < 150; i++) { printf "{\"text\": \""; for (w = 0; w <= i % 9; w++) printf "the %d cat sat ", (i * 7 + w) % 13; print "\"}" } }' > texts.jsonl
echo 'tokenizer: {out: words, train: {files: [texts.jsonl], vocab_size: 270}}' > words.yaml
"$STRATA" tokenizer train words.yaml --quiet > /dev/null
documents="tokenizer.path=words model.vocab_size=auto data.train.0.path=texts.jsonl data.eval.0.path=texts.jsonl"
one documents $documents
check documents 2 documents_context2 $documents parallel.context=2
check documents 4 documents_context4 $documents parallel.context=4
check documents 4 documents_tensor2_context2 $documents parallel.context=2 parallel.tensor=2

# Every rank takes two equal chunks: what does not divide is refused with the nearest lengths that
# do.
expect_code 2 "$MPIRUN" 2 "$STRATA" pretrain tiny.yaml run.dir=refused parallel.context=2 batch.sequence=30
expect_text "batch.sequence is 30, no multiple of 2 x parallel.context 2 = 4; nearest legal: 28 or 32"
