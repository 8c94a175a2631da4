#!/usr/bin/env bash
# Reward models and dpo from the command line: on every axis the losses of one rank, resumed as if
# never stopped, scored as they say, and refused with help where rows or models are of another kind.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
. "$STRATA_SOURCE/tests/support/tiny_preferences.sh"
preferences_config

# everywhere NAME "AXIS..." JOB KEY=VALUE...: the run NAME, and the same on every axis.
everywhere() {
  local name=$1 axes=$2
  shift 2
  job "$name" 1 "$@"
  for axis in $axes; do
    case $axis in
      data) job "$name.data" 2 "$@" batch.micro=3 ;;
      tensor | context) job "$name.$axis" 2 "$@" "parallel.$axis=2" ;;
      pipeline) job "$name.pipeline" 2 "$@" parallel.pipeline=2 batch.micro=3 ;;
      four) job "$name.four" 4 "$@" parallel.tensor=2 parallel.context=2 ;;
    esac
    compare_losses "$name" "$name.$axis" 1e-5
  done
  echo "$name: equal on $axes"
}

everywhere pairs "data tensor pipeline context" reward data.train=pairs.jsonl \
  data.eval=pairs.jsonl eval.every=2 reward.normalize=mean_std
everywhere dpo "data tensor pipeline context four" dpo data.train=pairs.jsonl
everywhere kto "data pipeline context" dpo data.train=labelled.jsonl dpo.loss=kto
everywhere rankings "data context" reward data.train=rankings.jsonl reward.loss=plackett_luce
everywhere ratings "data" reward data.train=ratings.jsonl reward.loss=regression
for loss in ipo robust orpo; do
  job "$loss" 1 dpo data.train=pairs.jsonl "dpo.loss=$loss" dpo.nll_coef=0.1
done
# kto with nll_coef adds as much as it says: twice the coefficient, twice the addition.
for coefficient in 0.1 0.2; do job "nll.$coefficient" 1 dpo data.train=labelled.jsonl dpo.loss=kto "dpo.nll_coef=$coefficient"; done
paste <(losses kto) <(losses nll.0.1) <(losses nll.0.2) | head -1 | awk '{ once = $5 - $2; twice = $8 - $2; exit !(once > 0.05 && twice / once > 1.999 && twice / once < 2.001) }' ||
  fail "kto with nll_coef: $(paste <(losses kto) <(losses nll.0.1) <(losses nll.0.2) | head -1)"
grep -q '"step":1,"loss":0.69314' dpo/metrics.jsonl || fail "dpo does not start at ln 2"

# What is held out has a calibration, on every layout the same, and no perplexity.
calibration() { grep -o '"eval/calibration_error":[0-9.e-]*' "$1/metrics.jsonl" | cut -d: -f2; }
[ "$(calibration pairs | wc -l)" -eq 2 ] || fail "no calibration error of held-out pairs"
paste -d' ' <(calibration pairs) <(calibration pairs.data) |
  awk '{ d = $1 - $2; if (d > 1e-5 || d < -1e-5) exit 1 }' || fail "calibration depends on ranks"
if grep -q perplexity pairs/metrics.jsonl; then fail "a reward model has no perplexity"; fi

going_on pairs reward data.train=pairs.jsonl data.eval=pairs.jsonl eval.every=2 \
  reward.normalize=mean_std
going_on dpo dpo data.train=pairs.jsonl
going_on kto dpo data.train=labelled.jsonl dpo.loss=kto

# A reward model is used by its own normalised score.
grep -q strata_reward_shift pairs/model/config.json || fail "no shift in config.json"
sed 's/"answer"/"completion"/' ratings.jsonl > answers.jsonl
"$STRATA" score pairs --data answers.jsonl --out a.jsonl --quiet
"$STRATA" score pairs/model --data answers.jsonl --out b.jsonl --quiet
grep -q '"reward":' a.jsonl || fail "no reward"
cmp a.jsonl b.jsonl || fail "a run means its normalised model"

# Rows and models of another kind.
# refused CODE TEXT JOB KEY=VALUE...
refused() {
  expect_code "$1" "$STRATA" "$3" tiny.yaml --quiet model.from=base run.dir=no "${@:4}"
  expect_text "$2"
}
expect_code 3 "$STRATA" score pairs --data ratings.jsonl --out no.jsonl --quiet
expect_text "prompt and completion"
refused 3 "this job takes rows of chosen+rejected" dpo data.train=labelled.jsonl
refused 3 "prompt+completion+label" dpo data.train=pairs.jsonl dpo.loss=kto
refused 3 "rows of text" reward data.train=text.txt
refused 3 "prompt+answer+rating" reward data.train=pairs.jsonl reward.loss=regression
refused 2 "scalar head" dpo data.train=pairs.jsonl model.from=pairs
refused 2 "scalar head" sft data.train=labelled.jsonl model.from=pairs/model
refused 2 "rewards" ppo data.train=labelled.jsonl
refused 2 "is a language model" ppo data.train=labelled.jsonl generation.max_new_tokens=4 \
  'rewards=[{model: base}]'
[ ! -e no ] || fail "a folder was made before everything was checked"
