# Sourced by the command-line tests of ppo and grpo, after tiny_run.sh: a policy of a few thousand
# weights over eight letters, prompts of several lengths, and a program that counts the zeros.
# Gives: rl_config (writes rl.yaml), numbers_of RUN KEY..., same_numbers A B TOLERANCE KEY...

rl_config() {
  awk 'BEGIN { for (r = 0; r < 10; r++) { printf "{\"input_ids\": [%d", r % 8
    for (i = 0; i < r % 4; i++) printf ", %d", (3 * r + i) % 8; printf "], \"row\": %d}\n", r } }' \
    > prompts.jsonl
  cat > count.sh <<'SH'
while IFS= read -r line; do
  ids=${line##*\"ids\":[}
  ids=${ids%%]*}
  zeros=${ids//[^0]/}
  echo "{\"reward\": ${#zeros}}"
done
SH
  cat > rl.yaml <<'YAML'
run: {seed: 3, steps: 4}
model: {architecture: llama, layers: 4, width: 32, heads: 4, kv_heads: 2, context: 32, vocab_size: 8}
data: {train: [{path: prompts.jsonl}], eval: [{path: prompts.jsonl}]}
batch: {global: 8, micro: 4, sequence: 24}
generation: {max_new_tokens: 6, temperature: 0.8}
optimizer: {lr: 3.0e-3, warmup: 1, schedule: constant}
ppo: {rollouts: 16, epochs: 2, minibatches: 2, kl_target: 0.5, kl_horizon: 100}
grpo: {group: 4, prompts: 4, beta: 0.05, epochs: 2}
rewards: [{command: bash count.sh, name: zeros}]
precision: {compute: fp32}
eval: {every: 2, batches: 1}
checkpoint: {every: 1}
log: {every: 1, tensorboard: false}
YAML
}

# numbers_of RUN KEY...: a line per row and key.
numbers_of() {
  awk -v keys="${*:2}" 'BEGIN { n = split(keys, key, " ") }
    { for (i = 1; i <= n; i++) { at = index($0, "\"" key[i] "\":"); if (at == 0) continue
        rest = substr($0, at + length(key[i]) + 3); sub(/[,}].*/, "", rest)
        print NR, key[i], rest } }' "$1/metrics.jsonl"
}

# same_numbers A B TOLERANCE KEY...
same_numbers() {
  numbers_of "$1" "${@:4}" > a.txt
  numbers_of "$2" "${@:4}" > b.txt
  [ -s a.txt ] || fail "$1 has none of ${*:4}"
  paste -d' ' a.txt b.txt | awk -v tolerance="$3" -v names="$1 $2" '
    { d = $3 - $6; if (d < 0) d = -d }
    NF != 6 || $1 != $4 || $2 != $5 || !(d <= tolerance) { print names ": " $0; bad = 1 }
    END { exit bad }' || fail "$1 and $2 differ by more than $3"
}
