#!/usr/bin/env bash
# What strata eval says, counted again by hand from the rows that it leaves: choices against strata
# score, pass@k, votes, rewards, wins.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config
"$STRATA" pretrain tiny.yaml --quiet
cat > eval.yaml <<YAML
model: {from: run}
data: {eval: [{path: questions.jsonl}]}
precision: {compute: fp32}
generation: {max_new_tokens: 1}
rewards: [{function: exact_match, field: answer}]
eval: {tasks: [exact_match], samples: 4}
YAML
tiny_questions > questions.jsonl

evaluate() { # NAME KEYS...: NAME.json, NAME.out
  local name=$1
  shift
  "$STRATA" eval eval.yaml --quiet --json "eval.out=$name.out" "$@" > "$name.json"
}
number() { sed -n "s/.*\"$2\": \([-0-9.e+]*\),*$/\1/p" "$1.json"; }
near() { # FOUND EXPECTED WHAT
  awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit a == "" || b == "" || d > 1e-4 || d < -1e-4 }' || fail "$3: $1, not $2"
}
mean() { awk '{ sum += $1 } END { print sum / NR }'; }
greedy_answers() { sed -n 's/.*"filtered_resps":\["\([0-9]*\)"\].*/\1/p' "$1.out"; }

# ---- the choices' log-probabilities are those of strata score
evaluate choices 'eval.tasks=[multiple_choice]' 'data.columns={answer: right}'
sed 's/.*"input_ids":\[\([^]]*\)\].*"choices":\[\[\([^]]*\)\],\[\([^]]*\)\]\].*/{"input_ids": [\1, \2]}\n{"input_ids": [\1, \3]}/' choices.out > given.jsonl
"$STRATA" score run --data given.jsonl --out scored.jsonl --quiet
paste -d' ' <(sed 's/.*"logprobs":\[.*,\([^]]*\)\].*/\1/' scored.jsonl) \
  <(sed 's/.*"filtered_resps":\[\([^,]*\),\([^]]*\)\].*/\1\n\2/' choices.out) |
  awk '{ d = $1 - $2; if (d > 1e-4 || d < -1e-4) bad = 1; n++ } END { exit bad || n != 48 }' ||
  fail "choices have other log-probabilities than strata score gives"

# ---- half of the questions with the model's own answer are half right
evaluate first
paste -d'|' <(sed 's/, "answer".*//' questions.jsonl) <(greedy_answers first) |
  awk -F'|' '{ printf "%s, \"answer\": [%d]}\n", $1, ($2 + NR % 2) % 61 }' > own.jsonl
evaluate own 'data.eval=[{path: own.jsonl}]'
near "$(number own exact_match)" 0.5 "own answers"
near "$(number own exact_match_low)" 0.31427 "the lower end of 12 of 24"
near "$(number own exact_match_stderr)" 0.10426 "the standard error of 12 of 24"

# ---- several answers, counted by hand: c of 4 right
evaluate several 'eval.tasks=[pass_at_k, maj_at_n, best_of_n]' 'data.eval=[{path: own.jsonl}]' generation.top_k=3 generation.temperature=0.7 'eval.k=[1, 2, 4]'
sed -n 's/.*"task":"pass_at_k".*"answer":\[\([0-9]*\)\].*"filtered_resps":\["\([0-9]*\)","\([0-9]*\)","\([0-9]*\)","\([0-9]*\)"\].*/\1 \2 \3 \4 \5/p' several.out > counted.txt
[ "$(wc -l < counted.txt)" -eq 24 ] || fail "not every question has four answers"
counted() { # MEASURE
  awk -v measure="$1" '{ c = 0; for (i = 2; i <= 5; i++) c += $i == $1
    # of equally frequent answers the first
    best = 0; for (i = 2; i <= 5; i++) { v = 0; for (j = 2; j <= 5; j++) v += $j == $i; if (v > best) { best = v; winner = $i } }
    pairs = (4 - c) * (3 - c) / 12
    sum += measure == "pass@1" ? c / 4 : measure == "pass@2" ? 1 - pairs : measure == "maj@4" ? winner == $1 : c > 0
  } END { print sum / NR }' counted.txt
}
for measure in pass@1 pass@2 pass@4 maj@4 best@4; do
  near "$(number several $measure)" "$(counted $measure)" "$measure"
done
near "$(number several samples_reward)" "$(counted pass@1)" "the mean reward"

# ---- given answers: their lengths, and what a reward model says
awk '{ sub(/"answer".*/, ""); n = NR % 3 + 1; ids = NR; for (i = 1; i < n; i++) ids = ids ", " NR; print $0 "\"completion\": [" ids "]}" }' questions.jsonl > given.jsonl
evaluate lengths 'eval.tasks=[reward]' 'data.eval=[{path: given.jsonl}]' 'rewards=[{function: length}]'
near "$(number lengths reward)" 2 "the mean length"
judge=$STRATA_SOURCE/tests/golden/model/reward
evaluate judged 'eval.tasks=[reward]' 'data.eval=[{path: given.jsonl}]' "model.from=$judge"
sed 's/], "completion": \[/, /' given.jsonl > whole.jsonl
"$STRATA" score "$judge" --data whole.jsonl --out whole.out --quiet
near "$(number judged reward)" "$(sed 's/.*"reward":\([-0-9.e+]*\).*/\1/' whole.out | mean)" "the mean reward of given answers"

# ---- where the model alone is right it wins, and with itself it ties
other=$STRATA_SOURCE/tests/golden/model/llama
evaluate other "model.from=$other"
paste -d'|' <(sed 's/, "answer".*//' questions.jsonl) <(greedy_answers first) | sed 's/|\(.*\)/, "answer": [\1]}/' > mine.jsonl
wins=$(paste -d' ' <(greedy_answers first) <(greedy_answers other) | awk '{ print $1 != $2 }' | mean)
evaluate against 'eval.tasks=[win_rate]' "eval.against=$other" 'data.eval=[{path: mine.jsonl}]'
near "$(number against win)" "$wins" "wins"
near "$(number against loss)" 0 "losses"
near "$(number against win_rate)" "$(awk -v wins="$wins" 'BEGIN { print wins + (1 - wins) / 2 }')" "the win rate"
evaluate itself 'eval.tasks=[win_rate]' eval.against=run 'data.eval=[{path: mine.jsonl}]'
near "$(number itself tie)" 1 "ties with itself"
