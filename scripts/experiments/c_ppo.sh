#!/usr/bin/env bash
# PPO against its closed form: c_ppo.sh [SEED] [CASE...]
#
# Answers of twelve letters, a uniform reference, a score of c for every letter a. The best policy
# is the reference times exp(score / beta): with beta 0.2 and c = beta ln 7 every letter is an a
# with probability 1/2, so 6 of twelve, at 4.96 nats from the reference. Cases: one (default);
# tensor, pipeline, data: on two ranks; temperature: sampled at 0.7, which every log-probability has
# to follow for the same answer; sweep: beta 0.1 and 0.4, and what is refused: a beta below 0, and
# the estimators k2 and k3, under which this world collapses.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/letters.sh"
. "$here/online.sh"
cases=("${@:2}")
[ ${#cases[@]} -gt 0 ] || cases=(one)

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

# learn RUN RANKS FEWEST MOST [KEY=VALUE...]: PPO in RUN, and what must come out whatever the price.
learn() {
  local begin=$SECONDS run=$1
  ranks "$2" ppo ppo.yaml --quiet run.dir="$run" "${@:5}"
  say "seed $seed, $run, $((SECONDS - begin)) s"
  within "  letters a, last 10 steps" "$(mean_of "$run" reward/count 10)" "$3" "$4"
  within "  first ratio of a rollout" "$(mean_of "$run" policy/first_ratio 80)" 0.9999 1.0001
  within "  sampled against recomputed" "$(mean_of "$run" rollout/logprob_ratio 80)" 1 1.01
}

nats_within() {
  within "  nats from the reference, last 10 steps" "$(mean_of "$1" objective/kl 10)" "$2" "$3"
}

for case in "${cases[@]}"; do
  case $case in
    one) learn one 1 5.3 6.7; nats_within one 3.96 5.96 ;;
    tensor | pipeline | data)
      learn "$case" 2 5.3 6.7 "parallel.$case=2"
      nats_within "$case" 3.96 5.96
      ;;
    temperature)
      learn "$case" 1 5.3 6.7 generation.temperature=0.7
      nats_within "$case" 3.96 5.96
      ;;
    sweep)
      # A letter is an a with probability e^(c / beta) / (e^(c / beta) + 7).
      learn beta_0.1 1 9.8 11.2 ppo.kl_coef=0.1
      learn beta_0.4 1 2.6 4.0 ppo.kl_coef=0.4
      for key in kl_coef=-0.2 kl_estimator=k2 kl_estimator=k3; do
        code=0
        "$STRATA" ppo ppo.yaml --quiet run.dir=refused "ppo.$key" 2> refusal.txt || code=$?
        within "  exit code with ppo.$key" "$code" 2 2
      done
      ;;
    *) say "no case $case"; exit 2 ;;
  esac
done
verdict
