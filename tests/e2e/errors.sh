#!/usr/bin/env bash
# What a user gets wrong is answered with exit 2, the place, and the nearest valid name; nothing is
# written.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config

refuses() { # refuses TEXT COMMAND...
  expect_code 2 "${@:2}"
  expect_text "$1"
  [ ! -e run ] || fail "a run folder was made: ${*:2}"
}

# ---- the command line
refuses "pretrain" "$STRATA" pretrian tiny.yaml
refuses "--prompt" "$STRATA" generate run --promt x
refuses "" "$STRATA" pretrain
refuses "no run is there" "$STRATA" report .
expect_code 0 "$STRATA" --version
expect_text "strata 0.1.0"
refuses "nowhere.yaml" "$STRATA" pretrain nowhere.yaml

# ---- the config
refuses "optimizer" "$STRATA" pretrain tiny.yaml optimiser.lr=1
refuses "run.steps" "$STRATA" pretrain tiny.yaml run.stepz=1
refuses "batch.micro" "$STRATA" pretrain tiny.yaml batch.micro=five
refuses "optimizer.lr" "$STRATA" pretrain tiny.yaml optimizer.lr=.nan
refuses "batch" "$STRATA" pretrain tiny.yaml batch.micro=5
refuses "llama" "$STRATA" pretrain tiny.yaml model.architecture=lama
refuses "parallel" "$STRATA" pretrain tiny.yaml parallel.tensor=2

cp tiny.yaml twice.yaml
echo 'log: {every: 2}' >> twice.yaml
refuses "twice.yaml:10:" "$STRATA" pretrain twice.yaml
sed 's/warmup: 2/warm_up: 2/' tiny.yaml > unknown.yaml
refuses "unknown.yaml:5:25" "$STRATA" pretrain unknown.yaml
expect_text "warmup"

# ---- layouts, by check and by the job itself
layouts=("3 parallel.tensor=3" "3 parallel.pipeline=3 model.layers=2" "2 parallel.tensor=2 parallel.sequence=true batch.micro=1 batch.sequence=13" "2 parallel.context=2 batch.sequence=14")
for layout in "${layouts[@]}"; do
  read -ra words <<< "$layout"
  refuses "legal" "$STRATA" check tiny.yaml --ranks "${words[@]}"
  refuses "legal" "$MPIRUN" "${words[0]}" "$STRATA" pretrain tiny.yaml run.dir=run "${words[@]:1}"
done
# A model to start from counts, not the config's sizes; what is not there yet is no mistake.
"$STRATA" pretrain tiny.yaml --quiet run.dir=small run.steps=1 eval.every=0 model.layers=2
refuses "legal" "$STRATA" check tiny.yaml --ranks 3 model.from=small parallel.pipeline=3 batch.micro=4
expect_text "only 2 layers"
expect_code 0 "$STRATA" check tiny.yaml model.from=later
expect_text "known when model.from is there"
refuses "no model is there" "$STRATA" check tiny.yaml model.from=.
# ppo and grpo do not deal out batch.global.
expect_code 0 "$STRATA" check tiny.yaml --ranks 5 'rewards=[{function: length}]'
expect_text "64 a step"
# A pipe can be read once only, and rows are read more often.
expect_code 3 "$STRATA" score small --data <(cat rows.jsonl) --out scored.jsonl
expect_text "a pipe"
# What is in the way of an export stays, unless it is a model.
mkdir mine
echo text > mine/notes.txt
refuses "other files" "$STRATA" export small mine
refuses "other files" "$STRATA" export small small
[ -e mine/notes.txt ] && [ -e small/checkpoints ] || fail "an export deleted other files"
expect_code 0 "$STRATA" export small exported/
expect_code 0 "$STRATA" export small exported
[ -z "$(find . -name '*.writing')" ] || fail "an export left something behind"
# Output that cannot be written is no success.
expect_code 7 bash -c '"$STRATA" env --json > /dev/full'
echo old > exported.json
ln -s exported.json link
head -1 rows.jsonl | cut -d, -f1-9 | sed 's/$/]}/' > row.jsonl
expect_code 0 "$STRATA" score small --data row.jsonl --out link
[ -L link ] && grep -q logprobs exported.json || fail "a link was replaced"
rm -r small
echo "F0" > own.csv
refuses "own.csv" "$STRATA" pretrain tiny.yaml run.dir=run parallel.schedule=own.csv
refuses "zero_bubble" "$STRATA" pretrain tiny.yaml run.dir=run parallel.schedule=forward_only
