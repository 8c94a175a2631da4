#!/usr/bin/env bash
# strata eval from the command line: tasks named in the config, numbers as a table and as JSON, rows
# for every question, the same on several ranks; what is wrong with a task or a row; the report.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"
tiny_config
"$STRATA" pretrain tiny.yaml --quiet

tiny_questions > questions.jsonl
cat > eval.yaml <<YAML
model: {from: run}
data: {eval: [{path: questions.jsonl}]}
precision: {compute: fp32}
generation: {max_new_tokens: 1}
rewards: [{function: exact_match, field: answer}]
eval: {tasks: [exact_match, pass_at_k, maj_at_n, best_of_n, reward, win_rate], k: [1, 4], samples: 4, against: run}
YAML
number() { sed -n "s/.*\"$2\": \([-0-9.e+]*\),*$/\1/p" "$1"; }

"$STRATA" eval eval.yaml --quiet --json eval.out=rows.out > one.json
[ "$(wc -l < rows.out)" -eq 144 ] || fail "eval.out has not a row for every question of every task"
grep -q '"task":"maj_at_n","doc_id":23,"doc":{.*"target":.*"resps":\[\[.*"filtered_resps":' rows.out || fail "a row lacks its keys"
[ "$(number one.json tie)" = 1.0 ] || fail "a model does not tie with itself"
[ "$(number one.json win_rate)" = 0.5 ] || fail "ties do not count for half"
[ "$(number one.json 'exact_match')" = "$(number one.json reward)" ] || fail "the reward is another match than exact_match"
"$STRATA" eval eval.yaml --quiet > table.txt
grep -Eq '^exact_match +[0-9.]+  \([0-9.]+ to [0-9.]+\)$' table.txt || fail "no interval in the table"

choices() { "$STRATA" eval eval.yaml --quiet --json 'eval.tasks=[multiple_choice]' 'data.columns={answer: right}' "$@"; }
choices > choices.json
awk -v acc="$(number choices.json acc)" 'BEGIN { exit acc < 0.6 }' || fail "the trained model chooses no better than chance"
[ "$(number choices.json acc)" = "$(number choices.json acc_norm)" ] || fail "choices of one length weigh differently"

# ---- several ranks
for layout in parallel.tensor=2 parallel.pipeline=2 parallel.context=2 parallel.zero=3; do
  "$MPIRUN" 2 "$STRATA" eval eval.yaml --quiet --json "$layout" > two.json
  diff one.json two.json || fail "$layout found other numbers"
done

# Fewer rows than ranks: some rank has nothing to do.
head -1 questions.jsonl > row.jsonl
"$STRATA" score run --data row.jsonl --out one.out --quiet
"$MPIRUN" 2 "$STRATA" score run --data row.jsonl --out two.out --quiet parallel.zero=3
diff one.out two.out || fail "two ranks score a row otherwise"

# ---- perplexity is the default
"$STRATA" eval tiny.yaml model.from=run --quiet --json > default.json
[ -n "$(number default.json perplexity)" ] || fail "no perplexity without tasks"

# ---- mistakes
expect_code 2 "$STRATA" eval eval.yaml 'eval.tasks=[exact_matsch]'
expect_text "exact_match"
sed '3s/"answer"/"anser"/' questions.jsonl > bad.jsonl
expect_code 3 "$STRATA" eval eval.yaml 'data.eval=[{path: bad.jsonl}]'
expect_text "bad.jsonl:3"
expect_code 3 "$STRATA" eval eval.yaml 'data.eval=[{path: nowhere.jsonl}]'

# ---- the report
"$STRATA" report run one.json choices.json --out page.html --quiet > /dev/null
grep -q "<h2>Evaluations</h2>" page.html || fail "the report shows no evaluations"
grep -q "exact_match (questions" page.html || fail "the report does not say what was measured"
echo '{"loss": 1}' > none.json
expect_code 3 "$STRATA" report none.json --out page.html
expect_text "none.json"
