#!/usr/bin/env bash
# ppo and grpo runs that are killed at any moment and started again end bit for bit like one that
# was not: weights of policy and critic, metrics and samples. No rollout is trained on twice.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
. "$STRATA_SOURCE/tests/support/tiny_rl.sh"
rl_config

for job in ppo grpo; do
  run=("$STRATA" "$job" rl.yaml --quiet run.steps=12 eval.every=0)
  "${run[@]}" run.dir="${job}_whole"
  kills=0
  for delay in 0.3 0.4 0.5 0.7 1 1.5 500; do
    "${run[@]}" run.dir="${job}_killed" > killed.log 2>&1 &
    process=$!
    (sleep "$delay"; kill -9 "$process") > /dev/null 2>&1 &
    killer=$!
    if wait "$process" 2> /dev/null; then kill "$killer" 2> /dev/null || true; break; fi
    kills=$((kills + 1))
  done
  [ "$kills" -gt 0 ] || fail "$job was never killed"
  cmp "${job}_whole/model/model.safetensors" "${job}_killed/model/model.safetensors" ||
    fail "$job: weights differ after $kills kills"
  for file in "${job}_whole"/checkpoints/step_00000012/*.safetensors; do
    cmp "$file" "${job}_killed/checkpoints/step_00000012/${file##*/}" ||
      fail "$job: $file differs after $kills kills"
  done
  cmp "${job}_whole/samples.jsonl" "${job}_killed/samples.jsonl" || fail "$job: samples differ"
  same_numbers "${job}_whole" "${job}_killed" 0 step loss objective/scores kl_coef
  echo "$job: bit-equal after $kills kills"
done
