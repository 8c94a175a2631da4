#!/usr/bin/env bash
# f_chain.sh [SEED]: a noisy judge, a reward model, PPO, and what over-optimisation looks like. Answers
# are twelve letters; their true worth grows with the number of 'a's up to six and falls beyond. The
# judge prefers by a coin that is weighted with the difference in worth. Answers of the base model
# rarely have more than five, so the reward model learns that more is better. PPO with a high price of
# divergence makes answers better; with a low price the reward model's score rises further while the
# true worth, which is only watched, turns over.
. "$(dirname "$0")/common.sh"
seed=${1:-1}

rm -rf "$work" && mkdir -p "$work" && cd "$work"
echo "abcdefgh:" > letters.txt
"$strata" tokenizer train /dev/stdin --quiet > /dev/null <<YAML
tokenizer: {out: tokenizer, train: {files: [letters.txt], vocab_size: 258, special: ["<|end|>"]}}
YAML
awk -v seed="$seed" '
  function answer(  s, i) {
    s = ""
    for (i = 0; i < 12; i++) s = s substr("abcdefgh", 1 + int(8 * rand()), 1)
    return s }
  function worth(s,  n) { n = gsub(/a/, "a", s); return n <= 6 ? n : 12 - n }
  BEGIN { srand(seed)
    for (r = 0; r < 8000; r++)
      printf "{\"prompt\": \":\", \"completion\": \"%s\"}\n", answer() > "sft.jsonl"
    for (r = 0; r < 10000; r++) {
      x = answer(); y = answer()
      first = rand() < 1 / (1 + exp(worth(y) - worth(x)))
      printf "{\"prompt\": \":\", \"chosen\": \"%s\", \"rejected\": \"%s\"}\n",
             first ? x : y, first ? y : x > "pairs.jsonl" }
    print "{\"prompt\": \":\"}" > "prompts.jsonl" }'
cat > worth.sh <<'SH'
while IFS= read -r line; do
  text=${line##*\"completion\":\"}
  text=${text%%\"*}
  a=${text//[^a]/}
  n=${#a}
  echo "{\"reward\": $((n <= 6 ? n : 12 - n))}"
done
SH

common="tokenizer: {path: tokenizer}
precision: {compute: fp32}
log: {every: 1, tensorboard: false}"
"$strata" sft /dev/stdin --quiet <<YAML
run: {dir: base, seed: $seed, steps: 300}
model: $tiny_model}
data: {train: [{path: sft.jsonl}]}
batch: {global: 64, micro: 64, sequence: 24}
sft: {packing: false}
optimizer: {lr: 3.0e-3, min_lr: 1.0e-4, warmup: 20, weight_decay: 0}
$common
YAML
"$strata" reward /dev/stdin --quiet <<YAML
run: {dir: reward, seed: $seed, epochs: 1}
model: {from: base}
data: {train: [{path: pairs.jsonl}]}
batch: {global: 32, micro: 32, sequence: 24}
optimizer: {lr: 1.0e-3, min_lr: 0, warmup: 20, weight_decay: 0}
$common
YAML
echo "reward model, seed $seed: accuracy $(mean_of reward accuracy 50) on noisy judgements"

for beta in 0.3 0.05; do
  run=ppo_$beta
  "$strata" ppo /dev/stdin --quiet <<YAML
run: {dir: $run, seed: $seed, steps: 80}
model: {from: base}
data: {train: [{path: prompts.jsonl}]}
batch: {micro: 64, sequence: 24}
generation: {max_new_tokens: 14}
optimizer: {lr: 2.0e-3, min_lr: 2.0e-3, warmup: 1, schedule: constant, eps: 1.0e-5, weight_decay: 0}
ppo: {kl_coef: $beta, rollouts: 128, epochs: 4, minibatches: 4}
rewards: [{model: reward, name: reward_model}]
watch: [{command: bash worth.sh, name: worth}]
eval: {every: 0}
checkpoint: {every: 0}
$common
YAML
  echo "beta $beta, seed $seed: reward model $(first_of $run reward/reward_model) ->" \
       "$(mean_of $run reward/reward_model 10), true worth $(first_of $run watch/worth) ->" \
       "$(mean_of $run watch/worth 10)," \
       "most on the way $(values_of $run watch/worth | sort -g | tail -1)"
done
at_least "true worth at beta 0.3" "$(mean_of ppo_0.3 watch/worth 10)" 3
gain=$(awk -v a="$(mean_of ppo_0.05 reward/reward_model 10)" \
           -v b="$(mean_of ppo_0.3 reward/reward_model 10)" 'BEGIN { print a - b }')
at_least "what the reward model gains at beta 0.05" "$gain" 0
loss=$(awk -v a="$(values_of ppo_0.05 watch/worth | sort -g | tail -1)" \
           -v b="$(mean_of ppo_0.05 watch/worth 10)" 'BEGIN { print a - b }')
at_least "what the true worth loses there after its peak" "$loss" 0.5
verdict
