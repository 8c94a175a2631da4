# Sourced by the experiments on ppo and grpo, after letters.sh: numbers out of RUN/metrics.jsonl, a
# program on several ranks, and rewards that count letters. Gives: ranks, values_of, mean_of,
# first_of, counter, online_settings.

# ranks N ARGUMENTS...: the program on N ranks of this machine.
mpirun=$source_folder/tests/support/mpirun.sh
ranks() {
  if [ "$1" = 1 ]; then "$STRATA" "${@:2}"; else "$mpirun" "$1" "$STRATA" "${@:2}"; fi
}

# values_of RUN KEY: its value in every row that has it.
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

first_of() { values_of "$1" "$2" | sed -n 1p; }

# counter NAME EXPRESSION: NAME.sh rewards an answer by an expression of n, its number of letters a.
counter() {
  cat > "$1.sh" <<SH
while IFS= read -r line; do
  text=\${line##*\"completion\":\"}
  text=\${text%%\"*}
  a=\${text//[^a]/}
  n=\${#a}
  echo "{\"reward\": \$(($2))}"
done
SH
}

# What ppo and grpo share here.
online_settings='precision: {compute: fp32}
parallel: {zero: 0}
checkpoint: {every: 0}
log: {every: 1, tensorboard: false}'
