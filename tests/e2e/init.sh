#!/usr/bin/env bash
# strata init writes a life that runs as it is, command by command of its README, and overwrites
# nothing.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"

"$STRATA" init life
expect_code 2 "$STRATA" init life
expect_text "is there already"
expect_code 2 "$STRATA" init other --recipe tinny
expect_text "did you mean 'tiny'"
[ ! -e other ] || fail "a folder was made for a recipe that is none"
for file in $(cd "$STRATA_SOURCE/configs/tiny" && find . -type f); do
  cmp "$STRATA_SOURCE/configs/tiny/$file" "life/$file"
done

cd life
grep -E '^    strata ' README.md > commands
[ "$(wc -l < commands)" -ge 7 ] || fail "the README lists few commands"
while read -r command; do
  echo "$command"
  eval "\"\$STRATA\" ${command#strata }" < /dev/null > output.txt 2>&1 || { cat output.txt >&2; fail "$command"; }
done < commands

[ -s runs/pretrain/model/model.safetensors ] || fail "no model"
first=$(sed -n '1s/.*"loss":\([0-9.]*\).*/\1/p' runs/pretrain/metrics.jsonl)
last=$(sed -n '$s/.*"loss":\([0-9.]*\).*/\1/p' runs/pretrain/metrics.jsonl)
awk -v first="$first" -v last="$last" 'BEGIN { exit !(last < first - 1) }' || fail "the loss went from $first to $last"
grep -q '<svg' report.html || fail "no curves in the report"
