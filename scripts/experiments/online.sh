# shellcheck shell=bash disable=SC2034,SC2154  # what it gives and takes is used beside it
# Sourced by the experiments on ppo and grpo, after letters.sh: a program on several ranks, and
# rewards that count letters. Gives: ranks, counter, online_settings.

# ranks N ARGUMENTS...: the program on N ranks of this machine.
mpirun=$source_folder/tests/support/mpirun.sh
ranks() {
  if [ "$1" = 1 ]; then "$STRATA" "${@:2}"; else "$mpirun" "$1" "$STRATA" "${@:2}"; fi
}

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
