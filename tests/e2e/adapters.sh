#!/usr/bin/env bash
# Adapters from the command line: on every axis the losses of one rank, alone in checkpoints,
# resumed as if never stopped, out as a PEFT folder and back, merged into the same model.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
. "$STRATA_SOURCE/tests/support/tiny_preferences.sh"
preferences_config
sed 's/"chosen"/"completion"/' pairs.jsonl > answers.jsonl
sed 's/, "chosen".*/}/' pairs.jsonl > prompts.jsonl
low_rank=(lora.rank=2 "lora.targets=[q,k,v,o,gate,up,down]")

# ---- every axis
dpo=(dpo data.train=pairs.jsonl "${low_rank[@]}")
job lora 1 "${dpo[@]}"
for axis in data tensor pipeline context; do
  job "lora.$axis" 2 "${dpo[@]}" "parallel.$axis=2" batch.micro=6
  compare_losses lora "lora.$axis" 1e-5
done
grep -q '"step":1,"loss":0.69314' lora/metrics.jsonl || fail "the policy does not start at its base"
going_on lora "${dpo[@]}"

# ---- every job
job sft 1 sft data.train=answers.jsonl "${low_rank[@]}"
job reward 1 reward data.train=pairs.jsonl "${low_rank[@]}"
online=(data.train=prompts.jsonl "${low_rank[@]}" run.steps=2 generation.max_new_tokens=4
  'rewards=[{model: reward}]' ppo.rollouts=4 ppo.minibatches=2 ppo.epochs=1 grpo.prompts=2
  grpo.group=2 grpo.beta=0.1 batch.micro=2 batch.global=4)
for what in ppo grpo; do
  job "$what" 1 "$what" "${online[@]}"
  grep -q '"objective/kl":0[,.]' <(head -1 "$what/metrics.jsonl") ||
    fail "$what: the reference is not the model without adapters"
done

# ---- only adapters are saved, and the scalar head of a reward model
for run in lora sft grpo reward; do
  "$STRATA" ckpt inspect "$run" | awk '/^(param|master|exp_avg)/ { print $2 }' > names.txt
  [ "$(grep -c lora_a names.txt)" -gt 0 ] || fail "no adapters in the checkpoint of $run"
  others=$(awk '!/lora_/' names.txt | sort -u)
  [ "$others" = "$([ $run != reward ] || echo head.weight)" ] || fail "$run also saves $others"
done

# ---- out and back
# scores MODEL: a number a line.
scores() {
  "$STRATA" score "$1" --data answers.jsonl --out scored.jsonl --quiet
  sed -E 's/.*"(logprobs|reward)":(\[null,)?([^]}]*).*/\3/' scored.jsonl | tr ',' '\n'
}
for run in lora reward; do
  "$STRATA" export "$run" "$run.peft" --quiet
  [ -f "$run.peft/adapter_config.json" ] && [ ! -e "$run.peft/config.json" ] ||
    fail "no PEFT folder"
  "$STRATA" export "$run" "$run.merged" --merge --quiet
  scores "$run" > a.txt
  for model in "$run/model" "$run.peft" "$run.merged"; do
    scores "$model" > b.txt
    paste -d' ' a.txt b.txt |
      awk '{ d = $1 - $2; if (NF != 2 || d > 1e-5 || d < -1e-5) { print; exit 1 } }' ||
      fail "$model scores otherwise"
  done
done
job again 1 "${dpo[@]}" model.from=lora.peft
grep -q '"step":1,"loss":0.69314' again/metrics.jsonl || fail "a PEFT folder is not the reference"

# ---- refused
# refused TEXT JOB KEY=VALUE...
refused() {
  expect_code 2 "$STRATA" "$2" tiny.yaml --quiet run.dir=no data.train=pairs.jsonl "${@:3}"
  expect_text "$1"
}
refused "none of q, k, v, o" dpo model.from=base lora.rank=2 "lora.targets=[q,x]"
refused "model.from" dpo lora.rank=2
refused "scalar head" dpo model.from=reward
refused "scalar head" dpo model.from=reward.peft
# Made on a base that was changed for them.
cp -r lora.peft pissa
sed -i 's/"init_lora_weights": true/"init_lora_weights": "pissa"/' pissa/adapter_config.json
refused "init_lora_weights" dpo model.from=pissa
[ ! -e no ] || fail "a folder was made before everything was checked"
