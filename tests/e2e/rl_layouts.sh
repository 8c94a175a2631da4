#!/usr/bin/env bash
# ppo and grpo give the same answers, scores and losses whatever the split into micro-batches and
# ranks; the first update of a rollout has ratio 1; a reward that fails costs its answer alone.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
. "$STRATA_SOURCE/tests/support/tiny_rl.sh"
rl_config
exact=(reward/zeros watch/zeros objective/scores frac_reward_zero_std val/num_eos_tokens)
close=(loss loss/policy_avg loss/value_avg objective/kl objective/entropy policy/entropy_avg
  policy/approxkl_avg grad_norm critic/grad_norm kl_coef eval/scores)

for job in ppo grpo; do
  "$STRATA" "$job" rl.yaml --quiet run.dir="$job"
  "$STRATA" "$job" rl.yaml --quiet run.dir="${job}_micro" batch.micro=3
  for axis in data tensor pipeline; do
    "$MPIRUN" 2 "$STRATA" "$job" rl.yaml --quiet run.dir="${job}_$axis" "parallel.$axis=2"
  done
  for other in micro data tensor pipeline; do
    same_numbers "$job" "${job}_$other" 1e-9 "${exact[@]}"
    same_numbers "$job" "${job}_$other" 2e-4 "${close[@]}"
  done
done
numbers_of ppo policy/first_ratio | awk '{ d = $3 - 1; if (d > 1e-4 || d < -1e-4) exit 1 }' ||
  fail "the first ratio is not 1"
numbers_of ppo rollout/logprob_ratio | awk '$3 > 1.0001 { exit 1 }' ||
  fail "sampled and recomputed log-probabilities differ"
[ "$(wc -l < ppo/samples.jsonl)" -eq 16 ] || fail "samples.jsonl has not 4 rows for each step"

# A policy of 4 ranks, on all axes that training has.
"$MPIRUN" 4 "$STRATA" ppo rl.yaml --quiet run.dir=ppo_four parallel.tensor=2 parallel.data=2
same_numbers ppo ppo_four 1e-9 "${exact[@]}"
same_numbers ppo ppo_four 2e-4 "${close[@]}"

# Answers end when they like, so each rank makes passes in a number of its own: also where it holds
# a part of each weight (ZeRO 3).
cp -r ppo/model ends
sed -i '1a "eos_token_id": 4,' ends/config.json
few=(model.from=ends batch.micro=1 ppo.rollouts=2 ppo.minibatches=1 grpo.prompts=1 grpo.group=2)
for job in ppo grpo; do
  "$STRATA" "$job" rl.yaml --quiet run.dir="${job}_ends" "${few[@]}"
  "$MPIRUN" 2 "$STRATA" "$job" rl.yaml --quiet run.dir="${job}_zero3" "${few[@]}" parallel.zero=3
  same_numbers "${job}_ends" "${job}_zero3" 1e-9 "${exact[@]}"
  same_numbers "${job}_ends" "${job}_zero3" 2e-4 "${close[@]}"
done
numbers_of ppo_zero3 val/num_eos_tokens | awk '$3 == 1 { found = 1 } END { exit !found }' ||
  fail "never did one of two answers end early"
echo "the same on every layout"

# Rewards: NaN, null and a time-out cost the answer; an end of the program ends the job.
cat > failing.sh <<'SH'
n=0
while IFS= read -r line; do
  n=$((n + 1))
  case $((n % 4)) in
    0) echo '{"reward": NaN}' ;;
    1) echo '{"reward": null}' ;;
    2) echo '{"reward": 1.5}' ;;
    3) [ "$n" -ne 3 ] || sleep 1.5; echo '{"reward": 0.5}' ;;
  esac
done
SH
"$STRATA" grpo rl.yaml --quiet run.dir=failing run.steps=1 eval.every=0 \
  'rewards=[{command: bash failing.sh, timeout: 0.5, name: half}]'
numbers_of failing reward/missing | awk '{ exit !($3 > 0.49 && $3 < 0.7) }' ||
  fail "missing rewards were not counted: $(numbers_of failing reward/missing)"
expect_code 3 "$STRATA" grpo rl.yaml --quiet run.dir=ends 'rewards=[{command: "true"}]'
expect_text "has ended"
expect_code 2 "$STRATA" ppo rl.yaml --quiet run.dir=k3 ppo.kl_estimator=k3
expect_text "only k1"
expect_code 2 "$STRATA" ppo rl.yaml --quiet run.dir=topk generation.top_k=5
expect_text "generation.top_k"
expect_code 3 "$STRATA" grpo rl.yaml --quiet run.dir=field \
  'rewards=[{function: exact_match, field: nothing}]'
expect_text "nothing"
[ ! -e field ] || fail "a folder was made before the rows were checked"

# A reward that is missing beside another is told of, for the other makes up for it.
expect_code 0 "$STRATA" grpo rl.yaml run.dir=gap run.steps=1 eval.every=0 \
  'rewards=[{command: "while read -r l; do echo null; done", name: silent}, {command: bash count.sh}]'
expect_text "16 of 16 answers got no reward from silent"

# Updates of which no answer has a reward are left out; the others train, and their numbers are whole.
cat > rare.sh <<'SH'
n=0
while IFS= read -r line; do
  n=$((n + 1))
  if [ $((n % 8)) -eq 1 ]; then echo '{"reward": 1}'; else echo '{"reward": null}'; fi
done
SH
"$STRATA" ppo rl.yaml --quiet run.dir=rare run.steps=2 eval.every=0 ppo.rollouts=8 ppo.minibatches=8 ppo.epochs=2 \
  ppo.max_approxkl=10 'rewards=[{command: bash rare.sh}]'
numbers_of rare policy/updates | awk '$3 != 2 { exit 1 }' ||
  fail "one answer of eight has a reward, in two passes: $(numbers_of rare policy/updates)"
! grep -q '"loss":null' rare/metrics.jsonl || fail "an update without rewards made the step's loss no number"
