#!/usr/bin/env bash
# All experiments with known answers, for every seed: all.sh [SEED...]
#
# Seeds 1 2 3 unless told otherwise. A line per experiment and seed with its verdict; what each
# measured is in LOGS (default: a temporary folder that is kept). Exit code 1 where one failed.
# Runs one after the other on one core, about nine minutes a seed. docs/experiments.md has what was
# measured.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
export STRATA=${STRATA:-$here/../../build/strata} OMP_NUM_THREADS=1
logs=${LOGS:-$(mktemp -d "${TMPDIR:-/tmp}/strata_experiments.XXXXXX")}
seeds=("$@")
[ ${#seeds[@]} -gt 0 ] || seeds=(1 2 3)
mkdir -p "$logs"

failed=0 ran=0
for experiment in a_sft b_reward c_ppo d_dpo e_grpo f_chain; do
  for seed in "${seeds[@]}"; do
    begin=$SECONDS log=$logs/$experiment.$seed.log verdict=passed
    "$here/$experiment.sh" "$seed" > "$log" 2>&1 || {
      verdict=FAILED
      failed=$((failed + 1))
    }
    ran=$((ran + 1))
    printf '%-9s seed %-3s %s %4d s  %s\n' \
      "$experiment" "$seed" "$verdict" "$((SECONDS - begin))" "$log"
  done
done
printf '%d of %d as expected\n' "$((ran - failed))" "$ran"
[ "$failed" = 0 ]
