#!/usr/bin/env bash
# A rank that stops moving ends the job with exit 6, and the report names it.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config

# stop_one COMMAND_PATTERN: stops the last of the ranks that such an mpirun has started.
stop_one() {
  launcher=$(pgrep -f "^mpirun.*$1" | head -1)
  victim=$(pgrep -P "$launcher" | tail -1)
  kill -STOP "$victim"
}

# expect_named JOB LOG: the job ends with exit 6 and its log names a rank.
expect_named() {
  local code=0
  wait "$1" || code=$?
  kill -CONT "$victim" 2> /dev/null || true
  cat "$2"
  [ "$code" -eq 6 ] || fail "exit $code instead of 6"
  grep -qE "rank [0-2] has not (entered|answered)" "$2" || fail "no rank is named"
}

"$MPIRUN" 3 "$STRATA" pretrain tiny.yaml run.steps=100000 batch.micro=2 checkpoint.every=0 eval.every=0 log.every=100 run.hang_timeout=3 --quiet > hang.log 2>&1 &
job=$!
while ! grep -q '"step":100,' run/metrics.jsonl 2> /dev/null; do
  kill -0 "$job" 2> /dev/null || { cat hang.log >&2; fail "the job ended by itself"; }
  sleep 0.1
done
stop_one "hang_timeout=3"
expect_named "$job" hang.log

# A command that makes no folder.
tiny_questions > questions.jsonl
"$STRATA" pretrain tiny.yaml --quiet run.dir=small run.steps=1 eval.every=0
"$MPIRUN" 3 "$STRATA" eval tiny.yaml model.from=small 'data.eval=[{path: questions.jsonl}]' 'eval.tasks=[pass_at_k]' \
  eval.samples=100000 generation.max_new_tokens=20 parallel.pipeline=3 run.hang_timeout=2 > eval.log 2>&1 &
job=$!
sleep 3
kill -0 "$job" || { cat eval.log >&2; fail "the evaluation ended by itself"; }
stop_one "hang_timeout=2"
expect_named "$job" eval.log
