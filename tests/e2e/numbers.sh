#!/usr/bin/env bash
# Numbers that go bad end the run with exit 5 before they reach a checkpoint; missing files and full
# disks have codes of their own.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config

expect_code 5 "$STRATA" pretrain tiny.yaml run.dir=wild optimizer.lr=1e30 optimizer.clip=0 optimizer.warmup=0 checkpoint.every=1
expect_text "step 2"
"$STRATA" ckpt verify wild
[ "$("$STRATA" ckpt ls wild | wc -l)" -eq 1 ] || fail "a step with bad numbers was saved"
expect_code 5 "$MPIRUN" 2 "$STRATA" pretrain tiny.yaml run.dir=wild2 batch.micro=6 optimizer.lr=1e30 optimizer.clip=0 optimizer.warmup=0
[ "$(grep -c "not finite" output.txt)" -eq 1 ] || fail "said more than once"

# The last step's update alone leaves the range of its numbers.
expect_code 5 "$STRATA" pretrain tiny.yaml run.dir=wild3 optimizer.lr=1e39 optimizer.schedule=constant optimizer.clip=0 optimizer.warmup=0 run.steps=1 checkpoint.every=1
expect_text "weights are not finite"
[ ! -e wild3/model ] && [ ! -e wild3/checkpoints/step_00000001 ] || fail "weights that are not finite were saved"

expect_code 3 "$STRATA" pretrain tiny.yaml run.dir=no "data.train=[nowhere.jsonl]"
expect_code 2 "$STRATA" pretrain tiny.yaml run.dir=no model.from=nowhere
echo '{"input_ids": [1, 2, 61]}' > bad.jsonl
expect_code 3 "$STRATA" pretrain tiny.yaml run.dir=no data.train=bad.jsonl
expect_text "bad.jsonl:1"
[ ! -e no ] || fail "a folder was made before everything was checked"
