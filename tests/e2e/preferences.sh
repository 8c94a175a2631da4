#!/usr/bin/env bash
# Reward models, dpo and adapters from the command line: on every axis the losses of one rank, resumed as if never stopped, and models that the other commands and other tools take.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
awk 'BEGIN { for (i = 0; i < 50; i++) print "what is the colour of a small red fox" }' > text.txt
cat > tokenizer.yaml <<'YAML'
tokenizer: {out: tokenizer, train: {files: [text.txt], vocab_size: 270, end: "<|end|>", pad: "<|pad|>"}}
YAML
"$STRATA" tokenizer train tokenizer.yaml --quiet
word='function word(n, i, w) { w = ""; for (i = 0; i < 3 + n % 5; i++) w = w substr("abcdefgh", 1 + (n * 7 + i * (n % 3 + 1)) % 8, 1); return w }'
awk "$word BEGIN { for (i = 0; i < 48; i++) printf \"{\\\"prompt\\\": \\\"what %d\\\", \\\"chosen\\\": \\\"%s\\\", \\\"rejected\\\": \\\"%s\\\", \\\"margin\\\": %.1f, \\\"weight\\\": %.1f, \\\"tie\\\": %s}\\n\", i, word(i), word(i + 31), i % 3 / 10, 1 + i % 2, i % 7 == 3 ? \"true\" : \"false\" }" > pairs.jsonl
awk "$word BEGIN { for (i = 0; i < 36; i++) printf \"{\\\"prompt\\\": \\\"rank %d\\\", \\\"answers\\\": [\\\"%s\\\", \\\"%s\\\", \\\"%s\\\"], \\\"ranks\\\": [%d, %d, 2]}\\n\", i, word(i), word(i + 11), word(i + 23), 1 + i % 2, 1 + i % 3 }" > rankings.jsonl
awk "$word BEGIN { for (i = 0; i < 36; i++) printf \"{\\\"prompt\\\": \\\"rate %d\\\", \\\"answer\\\": \\\"%s\\\", \\\"rating\\\": %d}\\n\", i, word(i), 1 + i % 5 }" > ratings.jsonl
awk "$word BEGIN { for (i = 0; i < 36; i++) printf \"{\\\"prompt\\\": \\\"judge %d\\\", \\\"completion\\\": \\\"%s\\\", \\\"label\\\": %s}\\n\", i, word(i), i % 3 ? \"true\" : \"false\" }" > labelled.jsonl
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

# job NAME RANKS JOB KEY=VALUE...
job() {
  local name=$1 ranks=$2 what=$3
  shift 3
  local launch=()
  [ "$ranks" -eq 1 ] || launch=("$MPIRUN" "$ranks")
  "${launch[@]}" "$STRATA" "$what" tiny.yaml --quiet model.from=base "run.dir=$name" "$@"
}
# everywhere NAME JOB KEY=VALUE...: all axes against one rank.
everywhere() {
  local name=$1 what=$2
  shift 2
  job "$name" 1 "$what" "$@"
  job "$name.micro" 1 "$what" "$@" batch.micro=3
  job "$name.data" 2 "$what" "$@" batch.micro=6
  job "$name.tensor" 2 "$what" "$@" parallel.tensor=2
  job "$name.pipeline" 2 "$what" "$@" parallel.pipeline=2 batch.micro=3
  job "$name.context" 2 "$what" "$@" parallel.context=2
  for axis in micro data tensor pipeline context; do compare_losses "$name" "$name.$axis" 1e-5; done
  echo "$name: equal on every axis"
}

everywhere pairs reward data.train=pairs.jsonl
everywhere dpo dpo data.train=pairs.jsonl
everywhere kto dpo data.train=labelled.jsonl dpo.loss=kto
everywhere lora dpo data.train=pairs.jsonl lora.rank=2 "lora.targets=[q,k,v,o,gate,up,down]"
everywhere rankings reward data.train=rankings.jsonl reward.loss=plackett_luce
job ratings 1 reward data.train=ratings.jsonl reward.loss=regression
job ratings.data 2 reward data.train=ratings.jsonl reward.loss=regression batch.micro=3
compare_losses ratings ratings.data 1e-5
job both 4 dpo data.train=pairs.jsonl parallel.tensor=2 parallel.context=2
compare_losses dpo both 1e-5
for loss in ipo robust orpo; do job "$loss" 1 dpo data.train=pairs.jsonl "dpo.loss=$loss" dpo.nll_coef=0.1; done
grep -q '"step":1,"loss":0.69314' dpo/metrics.jsonl || fail "dpo does not start at ln 2"

# Stopped and going on is as if never stopped.
for name in pairs dpo kto lora; do
  case $name in
    pairs) set -- reward data.train=pairs.jsonl reward.normalize=mean_std ;;
    dpo) set -- dpo data.train=pairs.jsonl ;;
    kto) set -- dpo data.train=labelled.jsonl dpo.loss=kto ;;
    lora) set -- dpo data.train=pairs.jsonl lora.rank=2 ;;
  esac
  job "$name.whole" 1 "$@"
  job "$name.parts" 1 "$@"
  rm -r "$name.parts/checkpoints/step_00000004" "$name.parts/model"
  job "$name.parts" 1 "$@"
  cmp "$name.whole/model/model.safetensors" "$name.parts/model/model.safetensors" || fail "$name is not resumed exactly"
done

# A reward model is used by its own normalised score.
grep -q strata_reward_shift pairs.whole/model/config.json || fail "no shift in config.json"
"$STRATA" score pairs.whole --data ratings.jsonl --out no.jsonl --quiet 2> output.txt && fail "rows without a completion were scored"
sed 's/"answer"/"completion"/' ratings.jsonl > answers.jsonl
for model in pairs.whole pairs.whole/model; do "$STRATA" score $model --data answers.jsonl --out "scored.jsonl" --quiet; done
grep -q '"reward":' scored.jsonl || fail "no reward"
expect_code 2 "$STRATA" dpo tiny.yaml run.dir=no model.from=pairs.whole data.train=pairs.jsonl
expect_text "scalar head"

# Adapters: only they are saved; merged the model is the same; a PEFT folder goes out and comes back.
"$STRATA" ckpt inspect lora | grep -q lora_a || fail "no adapters in the checkpoint"
if "$STRATA" ckpt inspect lora | grep -q 'qkv.weight'; then fail "the base is in the checkpoint"; fi
"$STRATA" export lora peft --quiet
[ -f peft/adapter_config.json ] && [ ! -e peft/config.json ] || fail "no PEFT folder"
"$STRATA" export lora merged --merge --quiet
scores() { "$STRATA" score "$1" --data answers.jsonl --out "$2" --quiet; sed -E 's/.*"logprobs":\[null,([^]]*)\].*/\1/' "$2" | tr ',' '\n' > "$2.txt"; }
scores lora a.jsonl
for model in lora/model peft merged; do
  scores $model b.jsonl
  paste -d' ' a.jsonl.txt b.jsonl.txt | awk '{ d = $1 - $2; if (d > 1e-5 || d < -1e-5) { print; exit 1 } }' || fail "$model scores otherwise"
done
job again 1 dpo data.train=pairs.jsonl model.from=peft lora.rank=2
expect_code 2 "$STRATA" dpo tiny.yaml run.dir=no model.from=base data.train=pairs.jsonl lora.rank=2 "lora.targets=[q,x]"
expect_code 2 "$STRATA" dpo tiny.yaml run.dir=no data.train=pairs.jsonl lora.rank=2
expect_text "model.from"
[ ! -e no ] || fail "a folder was made before everything was checked"
