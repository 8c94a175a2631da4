#!/usr/bin/env bash
# c_ppo.sh [SEED] [LAYOUT...]: PPO against a closed form. Eight letters, answers of twelve, a uniform
# reference, a score of c for every 'a'. The best policy is the reference times exp(score / beta):
# with beta 0.2 and c = beta ln 7 it gives 'a' half of the time, so 6 of 12, at 4.96 nats from the
# reference. LAYOUT: one (default), tensor, pipeline, data: the last three on two ranks.
. "$(dirname "$0")/common.sh"
seed=${1:-1}
layouts=("${@:2}")
[ ${#layouts[@]} -gt 0 ] || layouts=(one)

rm -rf "$work" && mkdir -p "$work" && cd "$work"
awk -v seed="$seed" 'BEGIN { srand(seed)
  for (r = 0; r < 4096; r++) { printf "{\"input_ids\": [1"
    for (i = 0; i < 12; i++) printf ", %d", int(8 * rand()); print "]}" } }' > uniform.jsonl
echo '{"input_ids": [1]}' > prompts.jsonl
# A letter is one digit, so the 'a's are the zeros among the ids.
cat > count.sh <<'SH'
while IFS= read -r line; do
  ids=${line##*\"ids\":[}
  ids=${ids%%]*}
  a=${ids//[^0]/}
  echo "{\"reward\": ${#a}}"
done
SH

"$strata" pretrain /dev/stdin --quiet <<YAML
run: {dir: reference, seed: $seed, steps: 200}
model: $tiny_model, vocab_size: 8}
data: {train: [{path: uniform.jsonl}]}
batch: {global: 64, micro: 64, sequence: 16}
optimizer: {lr: 3.0e-3, min_lr: 0, warmup: 10, weight_decay: 0}
precision: {compute: fp32}
log: {tensorboard: false}
YAML

cat > ppo.yaml <<YAML
run: {seed: $seed, steps: 40}
model: {from: reference}
data: {train: [{path: prompts.jsonl}]}
batch: {micro: 64, sequence: 16}
generation: {max_new_tokens: 12}
optimizer: {lr: 2.0e-3, min_lr: 2.0e-3, warmup: 1, schedule: constant, eps: 1.0e-5, weight_decay: 0}
ppo: {kl_coef: 0.2, rollouts: 256, epochs: 4, minibatches: 4, critic_lr: 4.0e-3}
rewards: [{command: bash count.sh, name: count, weight: 0.389182}]
precision: {compute: fp32}
checkpoint: {every: 0}
eval: {every: 0}
log: {every: 1, tensorboard: false}
YAML

for layout in "${layouts[@]}"; do
  count=2 keys=("parallel.$layout=2")
  [ "$layout" != one ] || { count=1 keys=(); }
  begin=$SECONDS
  ranks "$count" ppo ppo.yaml --quiet run.dir="ppo_$layout" "${keys[@]}"
  echo "PPO, seed $seed, layout $layout ($((SECONDS - begin)) s):"
  within "letters 'a' of 12, last 10 steps" "$(mean_of "ppo_$layout" reward/count 10)" 6.0 0.7
  within "nats from the reference, last 10 steps" "$(mean_of "ppo_$layout" objective/kl 10)" 4.96 1.0
  within "first ratio of a rollout" "$(mean_of "ppo_$layout" policy/first_ratio 40)" 1 0.0001
  within "sampled against recomputed" "$(mean_of "ppo_$layout" rollout/logprob_ratio 40)" 1 0.01
done
verdict
