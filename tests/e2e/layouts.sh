#!/usr/bin/env bash
# One YAML key changes how the work is cut, and the losses stay: every number of ranks, micro-batch
# and axis against one rank.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config
# What a layout comes to is told before anything runs: the grid of the schedule, and how many
# micro-batches each stage keeps.
expect_code 0 "$STRATA" check tiny.yaml --ranks 4 parallel.pipeline=4 batch.micro=3
expect_text "stage 3  .  .  .  F0 B0 B0 F1"
expect_text "kept at once       4, 3, 2, 1 micro-batches on stages 0 to 3"

"$STRATA" pretrain tiny.yaml run.dir=one --quiet

check() {
  local name=$1 ranks=$2
  shift 2
  "$MPIRUN" "$ranks" "$STRATA" pretrain tiny.yaml "run.dir=$name" --quiet "$@"
  compare_losses one "$name" 1e-5
  echo "$name: equal"
}

for micro in 1 2 3 4 6; do
  "$STRATA" pretrain tiny.yaml "run.dir=micro$micro" "batch.micro=$micro" --quiet
  compare_losses one "micro$micro" 1e-5
done
for ranks in 2 3 4; do
  for micro in 1 2 3 4 6; do
    [ $((12 % (ranks * micro))) -ne 0 ] || check "data${ranks}_$micro" "$ranks" "batch.micro=$micro"
  done
done
check tensor2 2 parallel.tensor=2
check tensor2_sequence 2 parallel.tensor=2 parallel.sequence=true
check tensor4 4 parallel.tensor=4
check pipeline2_gpipe 2 parallel.pipeline=2 parallel.schedule=gpipe batch.micro=3
check pipeline2 2 parallel.pipeline=2 batch.micro=3
check pipeline2_interleaved 2 parallel.pipeline=2 parallel.schedule=interleaved parallel.chunks=2 batch.micro=3
check pipeline2_zero_bubble 2 parallel.pipeline=2 parallel.schedule=zero_bubble batch.micro=3
check pipeline4 4 parallel.pipeline=4 batch.micro=3
check tensor2_pipeline2 4 parallel.tensor=2 parallel.pipeline=2 batch.micro=3
check tensor2_data2 4 parallel.tensor=2 batch.micro=3
for zero in 0 2 3; do check "zero$zero" 2 "parallel.zero=$zero" batch.micro=3; done
check pipeline2_zero3 4 parallel.pipeline=2 parallel.zero=3 batch.micro=3
check recompute 2 memory.recompute=full batch.micro=3

# The comparison can fail: another seed is another run.
"$STRATA" pretrain tiny.yaml run.dir=other run.seed=2 --quiet
if (compare_losses one other 1e-5) > /dev/null 2>&1; then fail "another seed gave the same losses"; fi
