#!/bin/bash
# quickstart.sh: from a bare Debian 12 to a small language model that talks, on two cores.
#   1. setup and build    2. text     3. tokenizer and token shards
#   4. pretraining        5. samples from before and after
#   6. how well it predicts unseen text, beside a byte bigram and xz    7. a report with curves
# Everything is made in runs/quickstart/; the configs are in configs/quickstart/. A part that is done
# is not done again, and training that was stopped goes on. The last line of the output is the folder
# of the model.
# STRATA_BUILD names another build folder.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C # bytes are bytes, and a point is a point

configs=configs/quickstart
here=runs/quickstart
strata=${STRATA_BUILD:-build}/strata
run=$here/pretrain

main() {
  local begin=$SECONDS
  part "Setup and build" build_strata
  part "Text: the King James Bible and WordNet's glosses" prepare_text
  part "Tokenizer and token shards" prepare_tokens
  part "The model before training" sample_untrained
  part "Pretraining" "$strata" pretrain $configs/pretrain.yaml
  part "The model after training" sample_trained
  part "Unseen text" compare_predictions
  part "Report" "$strata" report $run --out $here/report.html
  say "all of it: $((SECONDS - begin)) s"
  suggest
  echo "$run/model"
}

say() { printf '%s\n' "$*"; }

# part TITLE COMMAND...: runs the command and says how long it took.
part() {
  local begin=$SECONDS
  printf '\n== %s\n' "$1"
  "${@:2}"
  say "   ($((SECONDS - begin)) s)"
}

# ---- 1. setup and build

build_strata() {
  local targets=(strata)
  if command -v nvidia-smi > /dev/null &&
    { command -v nvcc || [ -x /usr/local/cuda/bin/nvcc ]; } > /dev/null; then
    targets+=(strata-gpu)
  fi
  scripts/build.sh "${targets[@]}"
}

# ---- 2. text

prepare_text() {
  mkdir -p $here/text
  bible -f gen1:1-rev22:21 |
    awk -v train=$here/text/bible_train.jsonl -v heldout=$here/text/bible_heldout.jsonl \
      -v share=0.05 -f scripts/quickstart/bible_to_jsonl.awk
  awk -f scripts/quickstart/wordnet_to_jsonl.awk \
    /usr/share/wordnet/data.{noun,verb,adj,adv} > $here/text/wordnet.jsonl
  local file
  for file in $here/text/*.jsonl; do
    say "$file: $(wc -l < "$file") documents, $(wc -c < "$file") bytes"
  done
}

# plain FILE.jsonl: its texts, one behind another.
plain() { sed -e 's/^{"text": "//' -e 's/"}$//' -e 's/\\n/\n/g' -e 's/\\"/"/g' "$1"; }

# ---- 3. tokens

prepare_tokens() {
  if [ ! -e $here/tokenizer/tokenizer.json ]; then
    "$strata" tokenizer train $configs/tokenizer.yaml
  fi
  local text
  for text in bible_train bible_heldout wordnet; do # sound shards of the same text are kept
    "$strata" data prepare $configs/prepare.yaml \
      prepare.inputs="[$here/text/$text.jsonl]" prepare.out=$here/shards/$text
  done
}

# ---- 4. and 5. training, and what the model says

# One step with a learning rate of 0: a run whose weights are fresh.
sample_untrained() {
  [ -e $here/before.jsonl ] && return
  "$strata" pretrain $configs/pretrain.yaml run.dir=$here/untrained run.steps=1 \
    optimizer.lr=0 optimizer.min_lr=0 optimizer.warmup=0 eval.every=0
  sample $here/untrained before
}

sample_trained() {
  sample $run after
  local steps
  steps=$(tail -n 1 $run/metrics.jsonl | sed 's/.*"step":\([0-9]*\).*/\1/')
  {
    sed 's/^{/{"step":0,/' $here/before.jsonl
    sed "s/^{/{\"step\":$steps,/" $here/after.jsonl
  } > $run/samples.jsonl
  say "one prompt, before and after:"
  say "   before: $(completion $here/before.jsonl)"
  say "   after:  $(completion $here/after.jsonl)"
}

# sample MODEL NAME: completions of the prompts into NAME.jsonl.
sample() {
  "$strata" generate "$1" --data $configs/prompts.jsonl --out "$here/$2.jsonl" \
    generation.max_new_tokens=60 generation.temperature=0.7 generation.top_p=0.95
}

# The first row's prompt and completion, as they stand in the file.
completion() {
  head -n 1 "$1" |
    sed 's/.*"prompt": *"\([^"]*\)".*"completion": *"\(\([^"\\]\|\\.\)*\)".*/\1\2/'
}

# ---- 6. bits per byte

compare_predictions() {
  plain $here/text/bible_train.jsonl > $here/text/train.txt
  plain $here/text/bible_heldout.jsonl > $here/text/heldout.txt
  local bytes alone train both bigram model
  bytes=$(wc -c < $here/text/heldout.txt)
  alone=$(xz -9e < $here/text/heldout.txt | wc -c)
  train=$(xz -9e < $here/text/train.txt | wc -c)
  both=$(cat $here/text/train.txt $here/text/heldout.txt | xz -9e | wc -c)
  bigram=$(awk -f scripts/quickstart/byte_bigram.awk $here/text/train.txt $here/text/heldout.txt)
  model=$("$strata" eval $configs/eval.yaml --quiet | awk '$1 == "bits_per_byte" { print $2 }')
  say "bits per byte of the $bytes bytes held out (less is better):"
  row "xz -9e" "$(bits $alone $bytes)"
  row "byte bigram, counted on the training text" "$bigram"
  row "xz -9e, given the training text" "$(bits $((both - train)) $bytes)"
  row "the model" "$model"
}

bits() { awk -v compressed="$1" -v bytes="$2" 'BEGIN { print 8 * compressed / bytes }'; }
row() { printf '   %-44s %.3f\n' "$1" "$2"; }

# ---- 7. what next

suggest() {
  cat << END

Next:
  $strata chat $run                                      talk with it: it goes on with what you type
  $strata generate $run --prompt "And it came to pass"
  $strata pretrain $configs/pretrain.yaml run.steps=1000    train on
  mpirun -n 2 $strata pretrain $configs/pretrain.yaml run.dir=runs/two batch.micro=4
  open $here/report.html in a browser
  $strata init my_model                                           commented configs for your own text

The model:
END
}

main "$@"
