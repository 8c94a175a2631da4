#!/usr/bin/env bash
# A rank that stops moving ends the job with exit 6, and the report names it.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config
"$MPIRUN" 3 "$STRATA" pretrain tiny.yaml run.steps=100000 batch.micro=2 checkpoint.every=0 eval.every=0 log.every=100 run.hang_timeout=3 --quiet > hang.log 2>&1 &
job=$!
while ! grep -q '"step":100,' run/metrics.jsonl 2> /dev/null; do
  kill -0 "$job" 2> /dev/null || { cat hang.log >&2; fail "the job ended by itself"; }
  sleep 0.1
done
# The ranks are the children of mpirun.
launcher=$(pgrep -f "^mpirun.*hang_timeout=3" | head -1)
victim=$(pgrep -P "$launcher" | tail -1)
kill -STOP "$victim"
code=0
wait "$job" || code=$?
kill -CONT "$victim" 2> /dev/null || true
cat hang.log
[ "$code" -eq 6 ] || fail "exit $code instead of 6"
grep -qE "rank [0-2]" hang.log || fail "no rank is named"
