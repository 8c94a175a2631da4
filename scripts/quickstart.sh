#!/bin/bash
# quickstart.sh: the whole life of a small language model, from a bare Debian 12, on two cores.
#   1. setup and build     2. text, lessons and questions    3. tokenizer and token shards
#   4. pretraining         5. how well it predicts unseen text, beside a byte bigram and xz
#   6. supervised fine-tuning on conversations, one in four of whose answers are wrong
#   7. a reward model from preferences                       8. PPO against that reward model
#   9. questions that no stage has seen, asked after each stage; samples; a report with curves
# Everything is made in runs/quickstart/; the configs are in configs/quickstart/. A part that is
# done is not done again, and training that was stopped goes on. The last line of the output is the
# folder of the final model. STRATA_BUILD names another build folder.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C # bytes are bytes, and a point is a point

configs=configs/quickstart
awk=scripts/quickstart
here=runs/quickstart
strata=${STRATA_BUILD:-build}/strata

main() {
  local begin=$SECONDS
  part "Setup and build" build_strata
  part "Text, lessons and questions" prepare_text
  part "Tokenizer and token shards" prepare_tokens
  part "Pretraining" "$strata" pretrain $configs/pretrain.yaml
  part "Unseen text" compare_predictions
  part "Fine-tuning on conversations" "$strata" sft $configs/sft.yaml
  part "A reward model from preferences" "$strata" reward $configs/reward.yaml
  part "PPO against the reward model" "$strata" ppo $configs/ppo.yaml
  part "Questions that no stage has seen" ask_questions
  part "Samples and report" write_report
  say "all of it: $((SECONDS - begin)) s"
  suggest
  echo "$here/ppo/model"
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

# ---- 2. text: the King James Bible and WordNet's glosses; lessons: WordNet, the Bible, quiz(6)

prepare_text() {
  mkdir -p $here/text
  local wordnet=(/usr/share/wordnet/data.{noun,verb,adj,adv})
  bible -f gen1:1-rev22:21 > $here/text/bible.txt
  awk -v train=$here/text/bible_train.jsonl -v heldout=$here/text/bible_heldout.jsonl \
    -v share=0.05 -f $awk/bible_to_jsonl.awk $here/text/bible.txt
  awk -f $awk/draw.awk -f $awk/wordnet_to_jsonl.awk "${wordnet[@]}" > $here/text/wordnet.jsonl

  mkdir -p $here/tasks
  awk -v out=$here/tasks -v wrong=0.25 -f $awk/draw.awk -f $awk/conversation.awk \
    -f $awk/wordnet_tasks.awk "${wordnet[@]}"
  awk -f $awk/conversation.awk -f $awk/bible_tasks.awk $here/text/bible.txt \
    > $here/tasks/translate.jsonl
  find /usr/share/games/bsdgames/quiz -type f ! -name index | sort |
    xargs awk -f $awk/conversation.awk -f $awk/quiz_tasks.awk > $here/tasks/quiz.jsonl
  local file
  for file in $here/text/*.jsonl $here/tasks/*.jsonl; do
    say "$file: $(wc -l < "$file") rows, $(wc -c < "$file") bytes"
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

# ---- 5. bits per byte

compare_predictions() {
  plain $here/text/bible_train.jsonl > $here/text/train.txt
  plain $here/text/bible_heldout.jsonl > $here/text/heldout.txt
  local bytes alone train both bigram model
  bytes=$(wc -c < $here/text/heldout.txt)
  alone=$(xz -9e < $here/text/heldout.txt | wc -c)
  train=$(xz -9e < $here/text/train.txt | wc -c)
  both=$(cat $here/text/train.txt $here/text/heldout.txt | xz -9e | wc -c)
  bigram=$(awk -f $awk/byte_bigram.awk $here/text/train.txt $here/text/heldout.txt)
  model=$("$strata" eval $configs/eval.yaml --quiet | awk '$1 == "bits_per_byte" { print $2 }')
  say "bits per byte of the $bytes bytes held out (less is better):"
  row "xz -9e" "$(bits $alone $bytes)"
  row "byte bigram, counted on the training text" "$bigram"
  row "xz -9e, given the training text" "$(bits $((both - train)) $bytes)"
  row "the model" "$model"
}

bits() { awk -v compressed="$1" -v bytes="$2" 'BEGIN { print 8 * compressed / bytes }'; }
row() { printf '   %-44s %.3f\n' "$1" "$2"; }

# ---- 9. what each stage changed

ask_questions() {
  say "right answers of $(wc -l < $here/tasks/questions.jsonl) questions held out (guessing: 0.25):"
  printf '   %-14s %10s %10s\n' "after" "likeliest" "sampled"
  local stage
  for stage in pretrain sft ppo; do
    printf '   %-14s %10.3f %10.3f\n' $stage \
      "$(right_answers $stage likeliest 0)" "$(right_answers $stage sampled 1)"
  done
  say "the reward model, on pairs held out (always the same side: 0.5):"
  row "accuracy" "$(last_value $here/reward eval/accuracy)"
  row "calibration error" "$(last_value $here/reward eval/calibration_error)"
}

# right_answers STAGE NAME TEMPERATURE: the share; all the numbers go to NAME_STAGE.json.
right_answers() {
  local file=$here/$2_$1.json
  "$strata" eval $configs/questions.yaml model.from=$here/$1 generation.temperature=$3 \
    --quiet --json > $file
  sed -n 's/.*"exact_match": *\([0-9.e-]*\).*/\1/p' $file
}

# last_value RUN NAME: of the last row of its metrics that has it.
last_value() { sed -n "s|.*\"$2\": *\([0-9.e-]*\).*|\1|p" "$1/metrics.jsonl" | tail -n 1; }

write_report() {
  "$strata" generate $here/pretrain --data $configs/prompts.jsonl --out $here/pretrain/samples.jsonl \
    generation.max_new_tokens=40 generation.temperature=0.7 generation.top_p=0.95
  head -n 20 $here/tasks/questions.jsonl > $here/tasks/few.jsonl
  local stage
  for stage in sft ppo; do
    "$strata" generate $here/$stage --data $here/tasks/few.jsonl --out $here/$stage/samples.jsonl \
      generation.max_new_tokens=8
  done
  say "asked \"What does dwarf mean?\":"
  local answer
  for stage in pretrain sft ppo; do
    answer=$(printf 'What does dwarf mean?\n' |
      "$strata" chat $here/$stage generation.max_new_tokens=30 generation.temperature=0 --quiet)
    say "   after $stage: $answer"
  done
  "$strata" report $here/{pretrain,sft,reward,ppo} $here/{likeliest,sampled}_{pretrain,sft,ppo}.json \
    --out $here/report.html
}

# ---- what next

suggest() {
  cat << END

Next:
  $strata chat $here/ppo                                      talk with it
  $strata generate $here/pretrain --prompt "And it came to pass"
  $strata pretrain $configs/pretrain.yaml run.steps=1000     train on
  ${as_root}mpirun -n 2 $strata sft $configs/sft.yaml run.dir=runs/two batch.micro=4
  open $here/report.html in a browser
  $strata init my_model                                           commented configs for your own text

The final model:
END
}

# Open MPI asks root to say so twice.
as_root=""
if [ "$(id -u)" = 0 ]; then
  as_root="OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
fi

main "$@"
