#!/usr/bin/env bash
# PPO against its closed form: c_ppo.sh [SEED] [LAYOUT...]
#
# Answers of twelve letters, a uniform reference, a score of c for every letter a. The best policy
# is the reference times exp(score / beta): with beta 0.2 and c = beta ln 7 every letter is an a
# with probability 1/2, so 6 of twelve, at 4.96 nats from the reference. LAYOUT: one (default),
# tensor, pipeline, data: the last three on two ranks.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/letters.sh"
. "$here/online.sh"
layouts=("${@:2}")
[ ${#layouts[@]} -gt 0 ] || layouts=(one)

letters_tokenizer
letters_reference 300
counter count 'n'
echo '{"prompt": ">"}' > prompt.jsonl
cat > ppo.yaml <<YAML
$online_settings
run: {seed: $seed, steps: ${STEPS:-80}}
model: {from: reference}
data: {train: [{path: prompt.jsonl}]}
batch: {micro: 64, sequence: 16}
generation: {max_new_tokens: 14}
optimizer: {lr: 1.0e-3, warmup: 5, schedule: linear, min_lr: 1.0e-4, weight_decay: 0}
ppo: {kl_coef: 0.2, rollouts: 256, epochs: 4, minibatches: 4, critic_lr: 4.0e-3}
rewards: [{command: bash count.sh, name: count, weight: 0.389182}]
eval: {every: 0}
YAML

for layout in "${layouts[@]}"; do
  count=2 keys=("parallel.$layout=2")
  [ "$layout" != one ] || { count=1 keys=(); }
  begin=$SECONDS run=ppo_$layout
  ranks "$count" ppo ppo.yaml --quiet run.dir="$run" "${keys[@]}"
  say "seed $seed, layout $layout, $((SECONDS - begin)) s"
  within "  letters a, last 10 steps" "$(mean_of "$run" reward/count 10)" 5.3 6.7
  within "  nats from the reference, last 10 steps" "$(mean_of "$run" objective/kl 10)" 3.96 5.96
  within "  first ratio of a rollout" "$(mean_of "$run" policy/first_ratio 80)" 0.9999 1.0001
  within "  sampled against recomputed" "$(mean_of "$run" rollout/logprob_ratio 80)" 1 1.01
done
verdict
