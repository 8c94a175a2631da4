# Sourced by the experiments: where the program is, numbers out of RUN/metrics.jsonl, and bounds.
# Gives: strata COMMAND..., ranks N COMMAND..., mean_of, first_of, within, at_least, verdict.
# STRATA names the program (build/strata), WORK the folder for what is made
# (runs/experiments/NAME).
set -euo pipefail
export LC_ALL=C OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
strata=${STRATA:-$root/build/strata}
work=${WORK:-$root/runs/experiments/$(basename "$0" .sh)}
missed=0

# ranks N ARGUMENTS...: the program on N ranks of this machine.
ranks() {
  local count=$1
  shift
  if [ "$count" = 1 ]; then "$strata" "$@"; else
    "$root/tests/support/mpirun.sh" "$count" "$strata" "$@"
  fi
}

# values_of RUN KEY: the key's value in every row that has it.
values_of() {
  awk -v key="\"$2\":" '
    { at = index($0, key); if (at == 0) next
      rest = substr($0, at + length(key)); sub(/[,}].*/, "", rest); print rest }
  ' "$1/metrics.jsonl"
}

# mean_of RUN KEY LAST: over the last rows.
mean_of() {
  values_of "$1" "$2" | tail -n "$3" |
    awk '{ s += $1 } END { if (NR == 0) print "nan"; else printf "%.4f\n", s / NR }'
}

first_of() { values_of "$1" "$2" | head -n 1; }

# within NAME VALUE TARGET TOLERANCE
within() {
  awk -v n="$1" -v x="$2" -v t="$3" -v e="$4" 'BEGIN {
    good = x == x + 0 && x - t <= e && t - x <= e
    printf "  %-44s %9.4f  expected %s +- %s  %s\n", n, x, t, e, good ? "ok" : "MISSED"
    exit !good }' || missed=1
}

# at_least NAME VALUE LEAST
at_least() {
  awk -v n="$1" -v x="$2" -v t="$3" 'BEGIN {
    good = x == x + 0 && x >= t
    printf "  %-44s %9.4f  at least %s  %s\n", n, x, t, good ? "ok" : "MISSED"
    exit !good }' || missed=1
}

verdict() {
  [ "$missed" = 0 ] || { echo "a tolerance was missed" >&2; exit 1; }
}

# A model of about 0.1M parameters.
tiny_model='{architecture: llama, layers: 2, width: 64, heads: 4, ffn: 192, context: 32'
