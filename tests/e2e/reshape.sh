#!/usr/bin/env bash
# A run that moves between layouts: what one layout saved any other loads and writes byte for byte,
# there and back; and ten more steps, two on each of five layouts, equal those of the unbroken run.
# (Bytes of moments and masters: tests/trainer/checkpoint_mpi_test.cpp.)
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config

# on RANKS RUN STEPS KEYS...: goes on with the run up to this step
on() {
  local ranks=$1 run=$2 steps=$3
  shift 3
  local start=("$STRATA")
  [ "$ranks" = 1 ] || start=("$MPIRUN" "$ranks" "$STRATA")
  "${start[@]}" pretrain tiny.yaml "run.dir=$run" "run.steps=$steps" --quiet eval.every=0 optimizer.schedule=constant checkpoint.every=2 "$@"
}
A="parallel.tensor=2 parallel.pipeline=2 batch.micro=3"
B="parallel.context=2 parallel.zero=3 batch.micro=3"
C="parallel.pipeline=2 parallel.schedule=interleaved parallel.chunks=2 batch.micro=3"
D="parallel.tensor=4 parallel.sequence=true"

# 1. The unbroken run on A.
on 4 whole 14 $A

# 2. Saved on A at step 4; every start that has nothing left to train loads it and writes the model.
on 4 moved 4 $A
cp moved/model/model.safetensors saved_on_A
for layout in "4 $B" "1 run.threads=1" "2 $C" "4 $D" "4 $A"; do
  rm -r moved/model
  on ${layout%% *} moved 4 ${layout#* }
  cmp saved_on_A moved/model/model.safetensors || fail "other bytes on $layout"
  echo "$layout: the same bytes"
done

# 3. Ten more steps, each pair from the checkpoint of another layout.
on 4 moved 6 $B
on 1 moved 8
on 2 moved 10 $C
on 4 moved 12 $D
on 4 moved 14 $A
compare_losses whole moved 1e-5
"$STRATA" ckpt verify moved
echo "ten more steps on five layouts: the losses and norms of the unbroken run"
# The comparison can fail: the same steps from a checkpoint of another seed are others.
on 1 other 14 run.seed=2
if (compare_losses whole other 1e-5) > /dev/null 2>&1; then fail "another seed gave the same losses"; fi
