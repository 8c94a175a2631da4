#!/usr/bin/env bash
# A noisy judge, a reward model, PPO, and what it is worth: f_chain.sh [SEED]
#
# Answers are twelve letters; their true worth is the number of letters a up to six and falls
# beyond. The judge prefers by a coin that is weighted with the difference in worth. Answers of the
# reference rarely have more than five, so of more the reward model can only guess. PPO with a price
# of divergence of 0.3 must lift the true worth to 3 or more; with 0.05 the reward model's score
# rises further, and how much true worth each point of it came with is printed beside. The true
# worth is only watched. One in eight answers judged is cut short: of what it has never seen a
# reward model may say anything, and an empty answer would be what PPO finds.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/letters.sh"
. "$here/online.sh"

letters_tokenizer
letters_reference 300
counter worth 'n <= 6 ? n : 12 - n'
echo '{"prompt": ">"}' > prompt.jsonl
random_words 20000 "$seed" | awk -v seed="$seed" '
  function worth(s,  n) { n = gsub(/a/, "a", s); return n <= 6 ? n : 12 - n }
  BEGIN { srand(seed + 1000) }
  { word[NR % 2] = rand() < 0.125 ? substr($1, 1, int(12 * rand())) : $1 }
  NR % 2 == 0 {
    first = rand() < 1 / (1 + exp(worth(word[0]) - worth(word[1])))
    printf "{\"prompt\": \">\", \"chosen\": \"%s\", \"rejected\": \"%s\"}\n",
           first ? word[1] : word[0], first ? word[0] : word[1] }' > pairs.jsonl
cat > reward.yaml <<YAML
$online_settings
run: {dir: reward, seed: $seed, epochs: 1}
model: {from: reference}
data: {train: [{path: pairs.jsonl}]}
batch: {global: 32, micro: 32, sequence: 16}
optimizer: {lr: 1.0e-3, min_lr: 0, weight_decay: 0, warmup: 20}
eval: {every: 0}
YAML
"$STRATA" reward reward.yaml --quiet
say "seed $seed: reward model right in $(mean_of reward accuracy 50) of noisy judgements"

cat > ppo.yaml <<YAML
$online_settings
run: {seed: $seed, steps: ${STEPS:-80}}
model: {from: reference}
data: {train: [{path: prompt.jsonl}]}
batch: {micro: 64, sequence: 16}
generation: {max_new_tokens: 14}
optimizer: {lr: 5.0e-4, warmup: 5, schedule: linear, min_lr: 1.0e-4, weight_decay: 0}
ppo: {rollouts: 128, epochs: 4, minibatches: 4}
rewards: [{model: reward, name: model}]
watch: [{command: bash worth.sh, name: worth}]
eval: {every: 0}
YAML
for beta in 0.3 0.05; do
  run=ppo_$beta
  "$STRATA" ppo ppo.yaml --quiet run.dir="$run" ppo.kl_coef=$beta
  say "seed $seed, beta $beta: reward model $(first_of $run reward/model) ->" \
      "$(mean_of $run reward/model 10), true worth $(first_of $run watch/worth) ->" \
      "$(mean_of $run watch/worth 10), at best $(values_of $run watch/worth | sort -g | tail -n 1)"
done
difference() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a - b }'; }
within "true worth, beta 0.3" "$(mean_of ppo_0.3 watch/worth 10)" 3 6
within "what the reward model gains from beta 0.05" \
       "$(difference "$(mean_of ppo_0.05 reward/model 10)" "$(mean_of ppo_0.3 reward/model 10)")" \
       0 100
# gained RUN: the true worth that each point of the reward model's score came with.
gained() {
  local worth reward
  worth=$(difference "$(mean_of "$1" watch/worth 10)" "$(first_of "$1" watch/worth)")
  reward=$(difference "$(mean_of "$1" reward/model 10)" "$(first_of "$1" reward/model)")
  awk -v worth="$worth" -v reward="$reward" 'BEGIN { printf "%.3f", worth / reward }'
}
say "true worth per point of reward: beta 0.3 $(gained ppo_0.3), beta 0.05 $(gained ppo_0.05)"
verdict
