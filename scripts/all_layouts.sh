#!/usr/bin/env bash
# all_layouts.sh [PART/PARTS] [BUILD]: every legal layout and every legal choice on 1, 2, 4 and 8
# ranks against one rank, not the pairwise cover alone that the tests take; hours on two cores.
# 3/20: the third of twenty equal parts of it. Ends with counts and a verdict, and with 1 where a
# case differs.
set -euo pipefail
part=all
if [[ "${1:-}" =~ ^[0-9]+/[0-9]+$ ]]; then part="all:$1"; shift; fi
source=$(cd "$(dirname "$0")/.." && pwd)
binary=${1:-$source/build}/tests/trainer/layouts_mpi_test
[ -x "$binary" ] || { echo "no $binary: build first (scripts/build.sh)" >&2; exit 2; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
verdict="all equal one rank"
for ranks in ${STRATA_LAYOUT_RANKS:-1 2 4 8}; do
  STRATA_LAYOUTS=$part "$source/tests/support/mpirun.sh" "$ranks" "$binary" --gtest_filter=Layouts.EqualOneRank 2>&1 | tee -a "$log" |
    { grep -E "cases compared|Failure|apart" || true; } || verdict="NOT EQUAL"
done
awk '/cases compared/ { done += $3; all += $5; differ += $11 } END { printf "%d of %d cases, %d differ: ", done, all, differ }' "$log"
echo "$verdict"
[ "$verdict" != "NOT EQUAL" ]
