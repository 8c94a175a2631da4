#!/usr/bin/env bash
# A run that is killed at any moment and started again ends bit for bit like one that was not; stops
# on request; passes over a damaged checkpoint.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config
job=("$STRATA" pretrain tiny.yaml checkpoint.every=1 run.steps=60 eval.every=0)
run() { "${job[@]}" "$@"; }
run run.dir=whole --quiet

# 1. SIGKILL at moments spread over the run, until it has ended by itself.
kills=0
for delay in 0.3 0.35 0.4 0.45 0.5 0.55 0.6 0.8 1 2 60; do
  "${job[@]}" run.dir=killed --quiet > killed.log 2>&1 &
  process=$!
  (sleep "$delay"; kill -9 "$process") > /dev/null 2>&1 &  # holds no pipe of the test
  killer=$!
  if wait "$process" 2> /dev/null; then kill "$killer" 2> /dev/null || true; break; fi
  kills=$((kills + 1))
done
[ "$kills" -gt 0 ] || fail "the run was never killed"
cmp whole/model/model.safetensors killed/model/model.safetensors || fail "weights differ after $kills kills"
compare_losses whole killed 0
echo "bit-equal after $kills kills"

# 2. SIGUSR1: state saved, exit 75, and the run goes on to the same end.
"${job[@]}" run.dir=stopped --quiet > stopped.log 2>&1 &
process=$!
while [ ! -s stopped/metrics.jsonl ]; do sleep 0.02; done
# A second start in the same folder is refused while the first one runs.
expect_code 2 run run.dir=stopped
expect_text "in use"
kill -USR1 "$process"
code=0
wait "$process" || code=$?
[ "$code" -eq 75 ] || fail "SIGUSR1 gave exit $code"
run run.dir=stopped --quiet
cmp whole/model/model.safetensors stopped/model/model.safetensors || fail "weights differ after a stop on request"

# The same from the moment on at which the program listens: before the config is read.
"${job[@]}" run.dir=early --quiet > early.log 2>&1 &
process=$!
catches() { (((16#$(awk '/^SigCgt/ { print $2 }' "/proc/$process/status") >> 9) & 1)); }
until catches; do sleep 0.005; done
kill -USR1 "$process"
code=0
wait "$process" || code=$?
[ "$code" -eq 75 ] || fail "SIGUSR1 at the start gave exit $code"
[ "$(wc -l < early/metrics.jsonl)" -eq 1 ] || fail "a run that was asked at its start went on for $(wc -l < early/metrics.jsonl) steps"

# 3. A damaged newest checkpoint is named and passed over; with none sound it is exit 4.
rm -rf whole/model
newest=$(ls -d whole/checkpoints/step_* | tail -1)
file=$(ls "$newest"/parameters*.safetensors | head -1)
printf '\xff' | dd of="$file" bs=1 seek=2000 conv=notrunc status=none
expect_code 0 run run.dir=whole
expect_text "$(basename "$newest")"
cmp whole/model/model.safetensors killed/model/model.safetensors || fail "weights differ after a damaged checkpoint"
for file in whole/checkpoints/*/parameters*.safetensors; do printf '\xff' | dd of="$file" bs=1 seek=2000 conv=notrunc status=none; done
expect_code 4 run run.dir=whole

# 4. A finished run goes on with more steps; another config is refused with the difference shown.
expect_code 0 run run.dir=killed run.steps=62
expect_code 2 run run.dir=killed optimizer.lr=5
expect_text "optimizer.lr"
